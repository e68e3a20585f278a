// Q1_0: 128 weights in 18 bytes (1.125 bits each): a sign each.
//
//   byte  0..1   d     IEEE half, the scale
//   byte  2..17  qs    bit i of byte j set: element 8 j + i is d, else -d
//
// The integer form has codes 0 and 2 with offset 1. Source: ggml-common.h and ggml-quants.c (block_q1_0).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ10 {
  static constexpr std::size_t kElements = 128;
  Half d;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ10) == 18 && offsetof(BlockQ10, qs) == 2);

// codes: 128 in element order, 0 for -d and 2 for d.
void pack_q1_0(const std::uint8_t* codes, Half d, BlockQ10& out) noexcept;

void unpack_q1_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q1_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// d = mean magnitude, the best scale for given signs; zero counts as positive. The sum runs in element order
// in float, as the reference's.
void encode_q1_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q1_0(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ10{.group_elements = 32,
                                      .code_bits = 2,
                                      .offset = 1,
                                      .table = nullptr,
                                      .has_min = false,
                                      .half_scales = true,
                                      .unpack = unpack_q1_0};

}  // namespace mote::codec
