// Q4_1: 32 weights in 20 bytes (5 bits each), with a minimum.
//
//   byte  0..1   d     IEEE half, the scale
//   byte  2..3   m     IEEE half, the value of code 0
//   byte  4..19  qs    byte j: low nibble is element j, high nibble is element j + 16
//   x[i] = d * code[i] + m
//
// Source: gguf-py quants.py (Q4_1), ggml-common.h (block_q4_1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ41 {
  static constexpr std::size_t kElements = 32;
  Half d;
  Half m;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ41) == 20 && offsetof(BlockQ41, m) == 2 && offsetof(BlockQ41, qs) == 4);

// codes: 32 in element order, each below 16. m is added (IntegerForm's min is -m).
void pack_q4_1(const std::uint8_t* codes, Half d, Half m, BlockQ41& out) noexcept;

void unpack_q4_1(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q4_1(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// d = (max - min) / 15, m = min, codes by truncation of (x - min) / d + 0.5. Equal bit for bit to
// gguf.quantize, except for the sign of a zero m where a block without negative values holds zeros of both
// signs: NumPy leaves open which one its minimum is, here it is the negative one.
void encode_q4_1(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q4_1(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ41{.group_elements = 32,
                                      .code_bits = 4,
                                      .offset = 0,
                                      .table = nullptr,
                                      .has_min = true,
                                      .half_scales = true,
                                      .unpack = unpack_q4_1};

}  // namespace mote::codec
