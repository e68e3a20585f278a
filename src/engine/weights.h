// A model's weights in execution form: matrices packed (or mapped), norms and biases as floats.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/runtime.h"
#include "kernels/linear.h"
#include "model/model.h"
#include "mote/result.h"
#include "tensor/quantized_tensor.h"

namespace mote::engine {

struct Linear {
  kernels::PackedMatrix matrix;
  QuantizedTensor source;   // keeps converted bytes alive that a mapped matrix borrows
  std::vector<float> bias;  // empty: none
};

struct BlockWeights {
  std::vector<float> attn_norm, ffn_norm;
  std::vector<float> q_norm, k_norm;  // empty: none
  Linear q, k, v, attn_output, gate, up, down;
};

struct Weights {
  QuantizedTensor embedding;  // canonical rows, decoded when looked up
  std::vector<BlockWeights> blocks;
  std::vector<float> output_norm;
  Linear head;

  // Bytes of all matrices that one token reads.
  [[nodiscard]] std::uint64_t matrix_bytes() const;
};

// Whether a tensor goes through the integer kernels: quantized, and not judged with exact activations.
bool uses_integers(const formats::TensorInfo& info, bool exact_activations);

// Reads, checks and packs every tensor, splitting each over the runtime's threads. Errors: MODEL_NONFINITE
// (names tensor and block), OUT_OF_MEMORY, those of the source.
Result<Weights> load_weights(Runtime& runtime, const model::Model& model, bool exact_activations);

}  // namespace mote::engine
