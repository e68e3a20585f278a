// Q5_1: 32 weights in 24 bytes (6 bits each), with a minimum. Q4_1 with a fifth bit.
//
//   byte  0..1   d     IEEE half, the scale
//   byte  2..3   m     IEEE half, the value of code 0
//   byte  4..7   qh    bit i of these 32 (little endian) is bit 4 of element i's code
//   byte  8..23  qs    byte j: low nibble is element j, high nibble is element j + 16
//   x[i] = d * code[i] + m
//
// Source: gguf-py quants.py (Q5_1), ggml-common.h (block_q5_1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ51 {
  static constexpr std::size_t kElements = 32;
  Half d;
  Half m;
  std::uint8_t qh[4];
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ51) == 24 && offsetof(BlockQ51, m) == 2 && offsetof(BlockQ51, qh) == 4 &&
              offsetof(BlockQ51, qs) == 8);

// codes: 32 in element order, each below 32. m is added (IntegerForm's min is -m).
void pack_q5_1(const std::uint8_t* codes, Half d, Half m, BlockQ51& out) noexcept;

void unpack_q5_1(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q5_1(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// d = (max - min) / 31, m = min, codes by truncation of (x - min) / d + 0.5. Equal bit for bit to
// gguf.quantize, with the exception of Q4_1 about a zero m.
void encode_q5_1(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q5_1(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ51{.group_elements = 32,
                                      .code_bits = 5,
                                      .offset = 0,
                                      .table = nullptr,
                                      .has_min = true,
                                      .half_scales = true,
                                      .unpack = unpack_q5_1};

}  // namespace mote::codec
