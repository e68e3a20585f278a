// TQ1_0: 256 weights of three values in 54 bytes (1.6875 bits each): five in a byte, as a fraction in base 3.
//
//   byte   0..31  qs    byte j: elements 32 n + j, n = 0 to 4
//   byte  32..47        byte 32 + j: elements 160 + 16 n + j, n = 0 to 4
//   byte  48..51  qh    byte j: elements 240 + 4 n + j, n = 0 to 3
//   byte  52..53  d     IEEE half, the scale
//   code n of byte q: floor(3 ((q * 3^n) mod 256) / 256)
//   x[i] = d * (code[i] - 1)
//
// The digits c0 c1 c2 c3 c4 of a number below 243 are stored as ceil(number * 256 / 243): the byte is that
// number's share of 243, so multiplying it by 3 brings one digit after the other above the 256, without a
// division. Source: gguf-py quants.py (TQ1_0), ggml-common.h (block_tq1_0).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockTq10 {
  static constexpr std::size_t kElements = 256;
  std::uint8_t qs[48];
  std::uint8_t qh[4];
  Half d;
};
static_assert(sizeof(BlockTq10) == 54 && offsetof(BlockTq10, qh) == 48 && offsetof(BlockTq10, d) == 52);

// codes: 256 in element order, each below 3.
void pack_tq1_0(const std::uint8_t* codes, Half d, BlockTq10& out) noexcept;

void unpack_tq1_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_tq1_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// d = largest magnitude; codes x / d rounded to nearest, halves away from zero. Equal bit for bit to
// gguf.quantize.
void encode_tq1_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_tq1_0(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormTq10{.group_elements = 32,
                                       .code_bits = 2,
                                       .offset = 1,
                                       .table = nullptr,
                                       .has_min = false,
                                       .half_scales = true,
                                       .unpack = unpack_tq1_0};

}  // namespace mote::codec
