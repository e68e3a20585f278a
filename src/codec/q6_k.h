// Q6_K: 256 weights in 210 bytes (6.5625 bits each), symmetric, sub-blocks of 16 with 8-bit scales.
//
//   byte   0..127  ql      two halves of 128 elements with 64 bytes each: low nibble of byte j is bits 0..3
//   of element
//                          j, high nibble of element j + 64
//   byte 128..191  qh      two halves with 32 bytes each: bits 2k and 2k + 1 of byte j are bits 4 and 5 of
//   element
//                          32 k + j
//   byte 192..207  scales  int8, one per sub-block
//   byte 208..209  d       IEEE half, scale of the scales
//   x[i] = (d * scale) * (code[i] - 32)
//
// Source: gguf-py quants.py (Q6_K), ggml-common.h (block_q6_K).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ6K {
  static constexpr std::size_t kElements = 256;
  std::uint8_t ql[128];
  std::uint8_t qh[64];
  std::int8_t scales[16];
  Half d;
};
static_assert(sizeof(BlockQ6K) == 210 && offsetof(BlockQ6K, qh) == 128 && offsetof(BlockQ6K, scales) == 192 &&
              offsetof(BlockQ6K, d) == 208);

// codes: 256 in element order, each below 64; scales: 16 signed bytes as stored.
void pack_q6_k(const std::uint8_t* codes, const std::int8_t* scales, Half d, BlockQ6K& out) noexcept;

void unpack_scales_q6_k(const std::byte* block, ScaleCodes& out) noexcept;
void unpack_q6_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q6_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Absmax rounding: see symmetric_scales() in k_rounding.h, sub-scale = (value of largest magnitude) / -32.
void encode_q6_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q6_k(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ6K{.group_elements = 16,
                                      .code_bits = 6,
                                      .offset = 32,
                                      .table = nullptr,
                                      .has_min = false,
                                      .unpack = unpack_q6_k,
                                      .unpack_scales = unpack_scales_q6_k};

}  // namespace mote::codec
