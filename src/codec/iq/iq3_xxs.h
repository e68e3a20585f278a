// IQ3_XXS: 256 weights in 98 bytes (3.0625 bits each). Sub-blocks of 32 share a scale of four bits; patterns
// of 4, seven signs for two of them.
//
//   byte   0..1   d     IEEE half, scale of the scales
//   byte   2..65  qs    byte j: the pattern index of elements 4 j to 4 j + 3
//   byte  66..97        a 32-bit word a sub-block: bits 7 k to 7 k + 6 are the signs of its elements 8 k to 8
//   k + 7
//                       (the eighth makes their number even), bits 28 to 31 the scale
//   x[i] = (d * (scale + 0.5) * 0.5) * (+-pattern[i])
//
// Source: gguf-py quants.py (IQ3_XXS), ggml-common.h (block_iq3_xxs).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/iq/grids.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockIq3Xxs {
  static constexpr std::size_t kElements = 256;
  Half d;
  std::uint8_t qs[64];
  std::uint8_t scales_and_signs[32];
};
static_assert(sizeof(BlockIq3Xxs) == 98 && offsetof(BlockIq3Xxs, qs) == 2 &&
              offsetof(BlockIq3Xxs, scales_and_signs) == 66);

// patterns: 64 indices below 256; signs: 32 bytes, each with an even number of bits set; scale_codes: 8, each
// below 16.
void pack_iq3_xxs(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                  Half d, BlockIq3Xxs& out) noexcept;

void unpack_iq3_xxs(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_iq3_xxs(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Without plain rounding: quantize/search_patterns.h writes it, where the importance of the inputs is known.
bool is_finite_iq3_xxs(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormIq3Xxs{.group_elements = 32,
                                         .code_bits = 4,
                                         .offset = 0,
                                         .table = kIq3XxsValues,
                                         .has_min = false,
                                         .unpack = unpack_iq3_xxs};

}  // namespace mote::codec
