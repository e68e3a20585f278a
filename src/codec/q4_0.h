// Q4_0: 32 weights in 18 bytes (4.5 bits each), symmetric.
//
//   byte  0..1   d     IEEE half, the scale
//   byte  2..17  qs    byte j: low nibble is element j, high nibble is element j + 16
//   x[i] = d * (code[i] - 8)
//
// Elements 16 apart share a byte so that one shift of a 16-byte register yields two runs of consecutive
// elements. Source: gguf-py quants.py (Q4_0), ggml-common.h (block_q4_0).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ40 {
  static constexpr std::size_t kElements = 32;
  Half d;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ40) == 18 && offsetof(BlockQ40, qs) == 2);

// codes: 32 in element order, each below 16.
void pack_q4_0(const std::uint8_t* codes, Half d, BlockQ40& out) noexcept;

void unpack_q4_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q4_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// d = (first value of largest magnitude) / -8, codes by truncation of x / d + 8.5, capped at 15: that value
// gets code 0, the only one whose magnitude is 8. Equal bit for bit to gguf.quantize.
void encode_q4_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q4_0(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ40{.group_elements = 32,
                                      .code_bits = 4,
                                      .offset = 8,
                                      .table = nullptr,
                                      .has_min = false,
                                      .half_scales = true,
                                      .unpack = unpack_q4_0};

}  // namespace mote::codec
