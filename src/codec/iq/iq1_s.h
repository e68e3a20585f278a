// IQ1_S: 256 weights in 50 bytes (1.5625 bits each). Sub-blocks of 32 share a scale of three bits and one
// shift; patterns of 8.
//
//   byte   0..1   d     IEEE half, scale of the scales
//   byte   2..33  qs    byte j: bits 0 to 7 of the pattern index of elements 8 j to 8 j + 7
//   byte  34..49  qh    word s of sub-block s: bits 3 k to 3 k + 2 are bits 8 to 10 of the index of its
//   pattern
//                       k; bits 12 to 14 the scale; bit 15 set: the shift is -1/8, else 1/8
//   x[i] = (d * (2 scale + 1)) * (pattern[i] + shift)
//
// pattern + shift is an eighth of -9, -7, -1, 1, 7 or 9, and an eighth of the scale is exact, so the integer
// form has those integers and no minimum. Source: gguf-py quants.py (IQ1_S), ggml-common.h (block_iq1_s).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/iq/grids.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockIq1S {
  static constexpr std::size_t kElements = 256;
  Half d;
  std::uint8_t qs[32];
  std::uint16_t qh[8];
};
static_assert(sizeof(BlockIq1S) == 50 && offsetof(BlockIq1S, qs) == 2 && offsetof(BlockIq1S, qh) == 34);

// patterns: 32 indices below 2048; shifts_down: 8, one of each sub-block, true where the shift is -1/8;
// scale_codes: 8, each below 8.
void pack_iq1_s(const std::uint16_t* patterns, const bool* shifts_down, const std::uint8_t* scale_codes,
                Half d, BlockIq1S& out) noexcept;

void unpack_iq1_s(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_iq1_s(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Without plain rounding: patterns that know nothing of the inputs' importance ruin a model at this size.
// quantize/search_ternary.h writes it, where that is known.
bool is_finite_iq1_s(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormIq1S{.group_elements = 32,
                                       .code_bits = 3,
                                       .offset = 0,
                                       .table = kIq1Values,
                                       .has_min = false,
                                       .unpack = unpack_iq1_s};

}  // namespace mote::codec
