// Q5_0: 32 weights in 22 bytes (5.5 bits each), symmetric. Q4_0 with a fifth bit.
//
//   byte  0..1   d     IEEE half, the scale
//   byte  2..5   qh    bit i of these 32 (little endian) is bit 4 of element i's code
//   byte  6..21  qs    byte j: low nibble is element j, high nibble is element j + 16
//   x[i] = d * (code[i] - 16)
//
// Source: gguf-py quants.py (Q5_0), ggml-common.h (block_q5_0).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ50 {
  static constexpr std::size_t kElements = 32;
  Half d;
  std::uint8_t qh[4];
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ50) == 22 && offsetof(BlockQ50, qh) == 2 && offsetof(BlockQ50, qs) == 6);

// codes: 32 in element order, each below 32.
void pack_q5_0(const std::uint8_t* codes, Half d, BlockQ50& out) noexcept;

void unpack_q5_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q5_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// d = (first value of largest magnitude) / -16, codes by truncation of x / d + 16.5, capped at 31. Equal bit
// for bit to gguf.quantize.
void encode_q5_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q5_0(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ50{.group_elements = 32,
                                      .code_bits = 5,
                                      .offset = 16,
                                      .table = nullptr,
                                      .has_min = false,
                                      .half_scales = true,
                                      .unpack = unpack_q5_0};

}  // namespace mote::codec
