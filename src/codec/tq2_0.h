// TQ2_0: 256 weights of three values in 66 bytes (2.0625 bits each).
//
//   byte   0..63  qs    two halves of 128 elements with 32 bytes each; in a half, bits 2k and 2k + 1 of byte
//   j are the
//                       code of element 32 k + j
//   byte  64..65  d     IEEE half, the scale
//   x[i] = d * (code[i] - 1)
//
// Code 3 is never written but means 2. Source: gguf-py quants.py (TQ2_0), ggml-common.h (block_tq2_0).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockTq20 {
  static constexpr std::size_t kElements = 256;
  std::uint8_t qs[64];
  Half d;
};
static_assert(sizeof(BlockTq20) == 66 && offsetof(BlockTq20, d) == 64);

// codes: 256 in element order, each below 4.
void pack_tq2_0(const std::uint8_t* codes, Half d, BlockTq20& out) noexcept;

void unpack_tq2_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_tq2_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// As encode_tq1_0(). Equal bit for bit to gguf.quantize.
void encode_tq2_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_tq2_0(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormTq20{.group_elements = 32,
                                       .code_bits = 2,
                                       .offset = 1,
                                       .table = nullptr,
                                       .has_min = false,
                                       .half_scales = true,
                                       .unpack = unpack_tq2_0};

}  // namespace mote::codec
