// A model's weights in execution form: matrices packed (or mapped), norms and biases as floats.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/packed_cache_file.h"
#include "engine/packed_layout.h"
#include "engine/runtime.h"
#include "kernels/linear.h"
#include "model/model.h"
#include "mote/result.h"
#include "tensor/aligned_buffer.h"
#include "tensor/quantized_tensor.h"

namespace mote::engine {

struct Linear {
  kernels::PackedMatrix matrix;
  QuantizedTensor source;   // keeps converted bytes alive that a mapped matrix borrows
  std::vector<float> bias;  // empty: none
};

struct Norm {
  std::vector<float> weight;  // empty: there is no such norm
  std::vector<float> bias;    // empty: none
};

// A feed-forward network: of a block, of one expert, or of the expert that every token goes through.
struct Network {
  Linear gate;  // without rows where the network has no gate
  Linear up, down;
};

struct BlockWeights {
  Norm attn_norm, attn_post_norm, attn_sum_norm;
  Norm ffn_norm, ffn_post_norm, ffn_sum_norm;
  Norm q_norm, k_norm;
  Linear q, k, v, attn_output;
  Network ffn;  // without rows in a mixture of experts
  Linear router;
  std::vector<Network> experts;
  Network shared;
  Linear shared_router;  // one row
};

struct Weights {
  QuantizedTensor embedding;      // canonical rows, decoded when looked up
  QuantizedTensor positions;      // the same of learned positions; empty: none
  std::vector<float> token_type;  // the first type's row; empty: none
  Norm embedding_norm;
  std::vector<BlockWeights> blocks;
  Norm output_norm;
  Linear head;
  AlignedBuffer packed;   // tiles of all matrices as a PackedLayout says: together they fill huge pages
  PackedCacheFile cache;  // where they lie in a file instead
  // Whether one of the two has them all: where there was no memory in one piece, matrices have their own.
  bool in_one_run = false;

  // Bytes of all matrices that one token reads: of a mixture, `used` experts of a block.
  [[nodiscard]] std::uint64_t matrix_bytes(std::uint32_t experts_used) const;
  // Bytes that mapped matrices need and the file does not have: rows in another order, experts that lie apart
  // in a folder.
  [[nodiscard]] std::uint64_t copied_bytes() const;
};

// Calls work(const Linear&) for every matrix of the block.
template <typename F>
void for_each_matrix(const BlockWeights& b, const F& work) {
  for (const Linear* linear : {&b.q, &b.k, &b.v, &b.attn_output, &b.router, &b.shared_router}) work(*linear);
  const auto network = [&](const Network& n) {
    for (const Linear* linear : {&n.gate, &n.up, &n.down}) work(*linear);
  };
  network(b.ffn);
  network(b.shared);
  for (const Network& expert : b.experts) network(expert);
}

// Reads, checks and packs every tensor, splitting each over the runtime's threads. `layout`: of this model.
// `cache`, where it is open: matrices that have tiles in it are neither checked nor packed again. Errors:
// MODEL_NONFINITE (names tensor and block), OUT_OF_MEMORY, those of the source.
Result<Weights> load_weights(Runtime& runtime, const model::Model& model, const PackedLayout& layout,
                             bool exact_activations, PackedCacheFile cache = {});
// One block's weights from `tensors`, which have the names and shapes that the spec needs and live as long as
// the result. Errors: the same.
Result<BlockWeights> load_block_weights(Runtime& runtime, const model::ModelSpec& spec,
                                        const formats::TensorSource& tensors, std::uint32_t block,
                                        bool exact_activations);
// What stands outside the blocks (embeddings, last norm, head) of `weights` anew, from `tensors` as above.
Result<void> load_outer_weights(Runtime& runtime, const model::ModelSpec& spec,
                                const formats::TensorSource& tensors, bool exact_activations,
                                Weights& weights);

}  // namespace mote::engine
