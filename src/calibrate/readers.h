// Which tensors read which input of a block: the other way round from engine::BlockInput.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/block_input.h"
#include "formats/tensor_source.h"

namespace mote::calibrate {

// Indices of the matrices of block `block` that multiply `input`, in the order of their roles. Routers and
// others that stay floats are not among them.
std::vector<std::size_t> readers_of(const formats::TensorSource& model, std::uint32_t block,
                                    engine::BlockInput input);

}  // namespace mote::calibrate
