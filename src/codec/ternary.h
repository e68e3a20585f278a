// The plain rounding that TQ1_0 and TQ2_0 share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/block_loops.h"
#include "codec/rounding.h"
#include "tensor/float16.h"

namespace mote::codec {

// d = largest magnitude, which keeps the codes -1 and 1 for values above half of it. The weights are supposed
// to be ternary already; of others little is left.
template <typename Block, void (*kPack)(const std::uint8_t*, Half, Block&) noexcept>
inline void encode_ternary(const float* in, std::byte* blocks, std::size_t block_count) {
  std::uint8_t codes[Block::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * Block::kElements;
    const float d = absmax(x, Block::kElements);
    const float inverse = inverse_or_zero(d);
    for (std::size_t i = 0; i < Block::kElements; ++i) {
      codes[i] = static_cast<std::uint8_t>(round_clamped(zero_unless_small(x[i] * inverse), -1, 1) + 1);
    }
    Block block;
    kPack(codes, float_to_half(d), block);
    store_block(block, blocks, b);
  }
}

}  // namespace mote::codec
