// NF4 and FP4 of bitsandbytes: 64 weights in 36 bytes (4.5 bits each), codes of a table of 16 floats under
// the block's largest magnitude.
//
//   byte  0..3   absmax  float32
//   byte  4..35  codes   byte j: element 2 j in the high nibble, element 2 j + 1 in the low one
//   x[i] = table[code[i]] * absmax
//
// NF4's values are those that 16 equally likely parts of a normal distribution have (Dettmers et al.,
// "QLoRA", 2023); FP4 is a float of a sign, two bits of exponent and one of fraction over 12, code 8 a second
// zero. In files blocks run through the whole weight, row after row; a block per row needs rows of a multiple
// of 64.
//
// Integer products need whole numbers of at most 127, and neither table is that: the integer form has
// round(value * 127) for NF4, off by at most 0.0037 of absmax, and round(value * 120) for FP4, where all are
// exact but the smallest (1 for 0.625, off by 0.0032 of absmax). decode() and products with `--activations
// f32` are exact.
//
// Source: bitsandbytes 0.50 (functional.py, backends/default/ops.py).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "codec/codec.h"

namespace mote::codec {

struct BlockTable4 {
  static constexpr std::size_t kElements = 64;
  std::uint8_t absmax[4];
  std::uint8_t qs[32];
};
static_assert(sizeof(BlockTable4) == 36);

inline constexpr std::array<float, 16> kNf4Values = {
    -1.0F,
    -0.6961928009986877F,
    -0.5250730514526367F,
    -0.39491748809814453F,
    -0.28444138169288635F,
    -0.18477343022823334F,
    -0.09105003625154495F,
    0.0F,
    0.07958029955625534F,
    0.16093020141124725F,
    0.24611230194568634F,
    0.33791524171829224F,
    0.44070982933044434F,
    0.5626170039176941F,
    0.7229568362236023F,
    1.0F,
};
inline constexpr std::array<float, 16> kFp4TableValues = {
    0.0F, 0.0625F / 12.0F,  8.0F / 12.0F,  1.0F,  4.0F / 12.0F,  0.5F,  2.0F / 12.0F,  0.25F,
    0.0F, -0.0625F / 12.0F, -8.0F / 12.0F, -1.0F, -4.0F / 12.0F, -0.5F, -2.0F / 12.0F, -0.25F};
inline constexpr std::int8_t kNf4Integers[16] = {-127, -88, -67, -50, -36, -23, -12, 0,
                                                 10,   20,  31,  43,  56,  71,  92,  127};
inline constexpr std::int8_t kFp4Integers[16] = {0, 1,  80,  120,  40,  60,  20,  30,
                                                 0, -1, -80, -120, -40, -60, -20, -30};

// codes: 64 in element order, each below 16; absmax stays.
void pack_table4(const std::uint8_t* codes, BlockTable4& out) noexcept;

void unpack_nf4(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void unpack_fp4(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_nf4(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
void decode_fp4(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// absmax is the block's largest magnitude, a code the value closest to x * (1 / absmax), of two equally close
// ones the smaller. Equal bit for bit to bitsandbytes; so FP4 has code 8 for what is a little above zero.
void encode_nf4(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
void encode_fp4(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_table4(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormNf4{.group_elements = 32,
                                      .code_bits = 4,
                                      .offset = 0,
                                      .table = kNf4Integers,
                                      .has_min = false,
                                      .unpack = unpack_nf4};
inline constexpr IntegerForm kFormFp4{.group_elements = 32,
                                      .code_bits = 4,
                                      .offset = 0,
                                      .table = kFp4Integers,
                                      .has_min = false,
                                      .unpack = unpack_fp4};

}  // namespace mote::codec
