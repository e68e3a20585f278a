// IQ2_XXS: 256 weights in 66 bytes (2.0625 bits each). Sub-blocks of 32 share a scale of four bits; patterns
// of 8 with seven signs.
//
//   byte   0..1   d     IEEE half, scale of the scales
//   byte   2..65  qs    eight bytes a sub-block: four pattern indices, then a 32-bit word: bits 7 k to 7 k +
//   6 are
//                       the signs of pattern k (the eighth makes their number even), bits 28 to 31 the scale
//   x[i] = (d * (scale + 0.5) * 0.25) * (+-pattern[i])
//
// Source: gguf-py quants.py (IQ2_XXS), ggml-common.h (block_iq2_xxs).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/iq/grids.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockIq2Xxs {
  static constexpr std::size_t kElements = 256;
  Half d;
  std::uint8_t qs[64];
};
static_assert(sizeof(BlockIq2Xxs) == 66 && offsetof(BlockIq2Xxs, qs) == 2);

// patterns: 32 indices below 256; signs: 32 bytes, each with an even number of bits set; scale_codes: 8, each
// below 16.
void pack_iq2_xxs(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                  Half d, BlockIq2Xxs& out) noexcept;

void unpack_iq2_xxs(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_iq2_xxs(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Without plain rounding: quantize/search_patterns.h writes it, where the importance of the inputs is known.
bool is_finite_iq2_xxs(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormIq2Xxs{.group_elements = 32,
                                         .code_bits = 3,
                                         .offset = 0,
                                         .table = kIq2Values,
                                         .has_min = false,
                                         .unpack = unpack_iq2_xxs};

}  // namespace mote::codec
