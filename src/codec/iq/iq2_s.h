// IQ2_S: 256 weights in 82 bytes (2.5625 bits each). Sub-blocks of 16 with scales of four bits; patterns of 8
// with eight signs.
//
//   byte   0..1   d       IEEE half, scale of the scales
//   byte   2..33  qs      byte j: bits 0 to 7 of the pattern index of elements 8 j to 8 j + 7
//   byte  34..65  signs   bit i of byte j set: element 8 j + i is negative
//   byte  66..73  qh      bits 2 k and 2 k + 1 of byte s are bits 8 and 9 of the index of pattern 4 s + k
//   byte  74..81  scales  nibble s (low nibble first) is the scale of sub-block s
//   x[i] = (d * (scale + 0.5) * 0.25) * (+-pattern[i])
//
// Source: gguf-py quants.py (IQ2_S), ggml-common.h (block_iq2_s).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/iq/grids.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockIq2S {
  static constexpr std::size_t kElements = 256;
  Half d;
  std::uint8_t qs[32];
  std::uint8_t signs[32];
  std::uint8_t qh[8];
  std::uint8_t scales[8];
};
static_assert(sizeof(BlockIq2S) == 82 && offsetof(BlockIq2S, signs) == 34 && offsetof(BlockIq2S, qh) == 66 &&
              offsetof(BlockIq2S, scales) == 74);

// patterns: 32 indices below 1024; signs: 32 bytes; scale_codes: 16, each below 16.
void pack_iq2_s(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                Half d, BlockIq2S& out) noexcept;

void unpack_iq2_s(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_iq2_s(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Plain rounding: the largest sub-block's largest magnitude is put on 43, each sub-block's scale is the code
// closest to what its largest magnitude asks for, and the patterns are the closest ones at the stored scale.
void encode_iq2_s(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_iq2_s(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormIq2S{.group_elements = 16,
                                       .code_bits = 3,
                                       .offset = 0,
                                       .table = kIq2Values,
                                       .has_min = false,
                                       .unpack = unpack_iq2_s};

}  // namespace mote::codec
