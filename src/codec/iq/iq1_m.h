// IQ1_M: 256 weights in 56 bytes (1.75 bits each). Sub-blocks of 16 with scales of three bits, a shift for
// each pattern of 8. The only format without a scale field: the half is spread over the words of the scales.
//
//   byte   0..31  qs      byte j: bits 0 to 7 of the pattern index of elements 8 j to 8 j + 7
//   byte  32..47  qh      nibble j (low nibble first): bits 8 to 10 of that index; bit 3 set: the shift is
//   -1/8,
//                         else 1/8
//   byte  48..55  scales  word w: bits 3 k to 3 k + 2 are the scale of sub-block 4 w + k; bits 12 to 15 are
//   bits
//                         4 w to 4 w + 3 of d, an IEEE half
//   x[i] = (d * (2 scale + 1)) * (pattern[i] + shift)
//
// Patterns and integer form are those of IQ1_S. Source: gguf-py quants.py (IQ1_M), ggml-common.h
// (block_iq1_m).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/iq/grids.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockIq1M {
  static constexpr std::size_t kElements = 256;
  std::uint8_t qs[32];
  std::uint8_t qh[16];
  std::uint16_t scales[4];

  [[nodiscard]] Half d() const {
    return static_cast<Half>(scales[0] >> 12U | (scales[1] >> 8U & 0x00F0U) | (scales[2] >> 4U & 0x0F00U) |
                             (scales[3] & 0xF000U));
  }
};
static_assert(sizeof(BlockIq1M) == 56 && offsetof(BlockIq1M, qh) == 32 && offsetof(BlockIq1M, scales) == 48);

// patterns: 32 indices below 2048; shifts_down: 32, one of each pattern, true where the shift is -1/8;
// scale_codes: 16, each below 8.
void pack_iq1_m(const std::uint16_t* patterns, const bool* shifts_down, const std::uint8_t* scale_codes,
                Half d, BlockIq1M& out) noexcept;

void unpack_iq1_m(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_iq1_m(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Without plain rounding, as IQ1_S.
bool is_finite_iq1_m(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormIq1M{.group_elements = 16,
                                       .code_bits = 3,
                                       .offset = 0,
                                       .table = kIq1Values,
                                       .has_min = false,
                                       .unpack = unpack_iq1_m};

}  // namespace mote::codec
