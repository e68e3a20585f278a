// Q8_K: 256 weights in 292 bytes (9.125 bits each). What the reference makes of activations that meet
// super-blocks; no known file holds weights in it, but its number is a type of the GGUF specification.
//
//   byte    0..3    d      float, the scale
//   byte    4..259  qs     int8, element order
//   byte  260..291  bsums  int16, sums of 16 elements each: a help for products with minima, not read here
//   x[i] = d * qs[i]
//
// Source: ggml-common.h and ggml-quants.c (block_q8_K).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ8K {
  static constexpr std::size_t kElements = 256;
  float d;
  std::int8_t qs[256];
  std::int16_t bsums[16];
};
static_assert(sizeof(BlockQ8K) == 292 && offsetof(BlockQ8K, qs) == 4 && offsetof(BlockQ8K, bsums) == 260);

void unpack_q8_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q8_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// The value of largest magnitude is put on -127; d is 1 / (-127 / value) in float arithmetic; codes are
// rounded to nearest, ties to even, as the reference does. A block of zeros has d = 0.
void encode_q8_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q8_k(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ8K{.group_elements = 32,
                                      .code_bits = 8,
                                      .offset = 128,
                                      .table = nullptr,
                                      .has_min = false,
                                      .unpack = unpack_q8_k};

}  // namespace mote::codec
