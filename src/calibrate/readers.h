// Which tensors read which input of a block, and which of them read the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/block_input.h"
#include "formats/tensor_source.h"

namespace mote::calibrate {

// Indices of the matrices of block `block` that multiply `input`, in the order of their roles. Routers and
// others that stay floats are not among them.
std::vector<std::size_t> readers_of(const formats::TensorSource& model, std::uint32_t block,
                                    engine::BlockInput input);

// The readers of what a block's matrix multiplies, itself among them; nothing for any other tensor.
std::optional<std::vector<std::size_t>> fellow_readers(const formats::TensorSource& model,
                                                       std::size_t tensor);

}  // namespace mote::calibrate
