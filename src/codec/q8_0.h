// Q8_0: 32 weights in 34 bytes (8.5 bits each), symmetric, signed bytes.
//
//   byte  0..1   d     IEEE half, the scale
//   byte  2..33  qs    int8, element order
//   x[i] = d * qs[i]
//
// Source: gguf-py quants.py (Q8_0), ggml-common.h (block_q8_0).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ80 {
  static constexpr std::size_t kElements = 32;
  Half d;
  std::int8_t qs[32];
};
static_assert(sizeof(BlockQ80) == 34 && offsetof(BlockQ80, qs) == 2);

// codes: 32 in element order, stored value + 128 (as IntegerForm has them).
void pack_q8_0(const std::uint8_t* codes, Half d, BlockQ80& out) noexcept;

void unpack_q8_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q8_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// d = largest magnitude / 127, values rounded half away from zero; -128 is never written. Equal bit for bit
// to gguf.quantize.
void encode_q8_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q8_0(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ80{.group_elements = 32,
                                      .code_bits = 8,
                                      .offset = 128,
                                      .table = nullptr,
                                      .has_min = false,
                                      .half_scales = true,
                                      .unpack = unpack_q8_0};

}  // namespace mote::codec
