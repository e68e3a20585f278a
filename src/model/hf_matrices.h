// The matrices of a Hugging Face folder that its modules of class Linear multiply with, but the head: what
// the quantized layouts of other tools replace. Each with its name in the folder and in canonical form, and
// how the rows of the two lie to one another. Beside them the vectors of its blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "mote/result.h"

namespace mote::model {

struct HfMatrix {
  std::string name;                  // "model.layers.0.self_attn.q_proj.weight"
  std::size_t source = 0;            // index in the checkpoint's tensors
  std::size_t canonical = 0;         // index in the model's canonical ones
  std::uint32_t permuted_heads = 0;  // of whose rows the canonical order differs; 0: none
};

// A norm or a bias of a block, with its two names.
struct HfVector {
  std::size_t source = 0;     // index in the checkpoint's tensors
  std::size_t canonical = 0;  // index in the model's canonical ones
  float offset = 0;           // that the canonical values have more
};

// Of a folder with a dense decoder. Those whose elements the canonical form has in another order (biases of q
// and k) or in one tensor with others are left out. MODEL_ARCH as below.
Result<std::vector<HfVector>> hf_vectors(const Model& model);

// Of a folder with a dense decoder. MODEL_ARCH where config.json's architecture is not known; empty for other
// checkpoints.
Result<std::vector<HfMatrix>> hf_matrices(const Model& model);

// Rows of a canonical matrix, `row_bytes` each, back in the folder's order.
void restore_rows(std::span<const std::byte> canonical, std::uint64_t row_bytes, std::uint32_t heads,
                  std::span<std::byte> out);

}  // namespace mote::model
