// IQ2_XS: 256 weights in 74 bytes (2.3125 bits each). Sub-blocks of 16 with scales of four bits; patterns of
// 8 with seven signs.
//
//   byte   0..1   d       IEEE half, scale of the scales
//   byte   2..65  qs      word j of elements 8 j to 8 j + 7: bits 0 to 8 the pattern index, bits 9 to 15 the
//   signs
//                         (the eighth makes their number even)
//   byte  66..73  scales  nibble s (low nibble first) is the scale of sub-block s
//   x[i] = (d * (scale + 0.5) * 0.25) * (+-pattern[i])
//
// Source: gguf-py quants.py (IQ2_XS), ggml-common.h (block_iq2_xs).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/iq/grids.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockIq2Xs {
  static constexpr std::size_t kElements = 256;
  Half d;
  std::uint16_t qs[32];
  std::uint8_t scales[8];
};
static_assert(sizeof(BlockIq2Xs) == 74 && offsetof(BlockIq2Xs, qs) == 2 &&
              offsetof(BlockIq2Xs, scales) == 66);

// patterns: 32 indices below 512; signs: 32 bytes, each with an even number of bits set; scale_codes: 16,
// each below 16.
void pack_iq2_xs(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                 Half d, BlockIq2Xs& out) noexcept;

void unpack_iq2_xs(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_iq2_xs(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Without plain rounding: quantize/search_patterns.h writes it, where the importance of the inputs is known.
bool is_finite_iq2_xs(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormIq2Xs{.group_elements = 16,
                                        .code_bits = 3,
                                        .offset = 0,
                                        .table = kIq2Values,
                                        .has_min = false,
                                        .unpack = unpack_iq2_xs};

}  // namespace mote::codec
