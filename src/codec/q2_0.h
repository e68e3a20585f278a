// Q2_0: 64 weights in 18 bytes (2.25 bits each).
//
//   byte  0..1   d     IEEE half, the scale
//   byte  2..17  qs    bits 2k and 2k + 1 of byte j are the code of element 4 j + k
//   x[i] = d * (code[i] - 1)
//
// Source: ggml-common.h and ggml-quants.c (block_q2_0).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ20 {
  static constexpr std::size_t kElements = 64;
  Half d;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ20) == 18 && offsetof(BlockQ20, qs) == 2);

// codes: 64 in element order, each below 4.
void pack_q2_0(const std::uint8_t* codes, Half d, BlockQ20& out) noexcept;

void unpack_q2_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q2_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// d = largest magnitude; x / d rounded to nearest, halves away from zero: the reference's rounding, which
// never uses the value 2 d.
void encode_q2_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q2_0(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ20{.group_elements = 32,
                                      .code_bits = 2,
                                      .offset = 1,
                                      .table = nullptr,
                                      .has_min = false,
                                      .half_scales = true,
                                      .unpack = unpack_q2_0};

}  // namespace mote::codec
