// Q8_1: 32 weights in 36 bytes (9 bits each). What the reference makes of activations that meet Q4_1; no
// known file holds weights in it, but its number is a type of the GGUF specification.
//
//   byte  0..1   d     IEEE half, the scale
//   byte  2..3   s     IEEE half, d times the sum of qs: a help for products with minima, not read here
//   byte  4..35  qs    int8, element order
//   x[i] = d * qs[i]
//
// The Python package gguf counts 40 bytes, those of an older layout with two floats; the C library 36.
// Source: ggml-common.h and ggml-quants.c (block_q8_1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ81 {
  static constexpr std::size_t kElements = 32;
  Half d;
  Half s;
  std::int8_t qs[32];
};
static_assert(sizeof(BlockQ81) == 36 && offsetof(BlockQ81, s) == 2 && offsetof(BlockQ81, qs) == 4);

void unpack_q8_1(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q8_1(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// As encode_q8_0(), and s.
void encode_q8_1(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q8_1(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ81{.group_elements = 32,
                                      .code_bits = 8,
                                      .offset = 128,
                                      .table = nullptr,
                                      .has_min = false,
                                      .half_scales = true,
                                      .unpack = unpack_q8_1};

}  // namespace mote::codec
