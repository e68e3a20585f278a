// Q5_K: 256 weights in 176 bytes (5.5 bits each). Q4_K with a fifth bit.
//
//   byte  0..1    d       IEEE half, scale of the scales
//   byte  2..3    dmin    IEEE half, scale of the minima
//   byte  4..15   scales  8 scale and 8 min codes of 6 bits (k_scales.h)
//   byte 16..47   qh      bit b of byte j is bit 4 of the code of element 32 b + j
//   byte 48..175  qs      four chunks of 64 elements with 32 bytes each: low nibble of byte j is element j,
//   high
//                         nibble element j + 32
//   x[i] = (d * scale) * code[i] - dmin * min
//
// Source: gguf-py quants.py (Q5_K), ggml-common.h (block_q5_K).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ5K {
  static constexpr std::size_t kElements = 256;
  Half d;
  Half dmin;
  std::uint8_t scales[12];
  std::uint8_t qh[32];
  std::uint8_t qs[128];
};
static_assert(sizeof(BlockQ5K) == 176 && offsetof(BlockQ5K, dmin) == 2 && offsetof(BlockQ5K, scales) == 4 &&
              offsetof(BlockQ5K, qh) == 16 && offsetof(BlockQ5K, qs) == 48);

// codes: 256 in element order, each below 32; scale_codes and min_codes: 8 each, below 64.
void pack_q5_k(const std::uint8_t* codes, const std::uint8_t* scale_codes, const std::uint8_t* min_codes,
               Half d, Half dmin, BlockQ5K& out) noexcept;

void unpack_scales_q5_k(const std::byte* block, ScaleCodes& out) noexcept;
void unpack_q5_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q5_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Min-max rounding: see asymmetric_scales() in k_rounding.h, with scale and min codes up to 63.
void encode_q5_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q5_k(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ5K{.group_elements = 32,
                                      .code_bits = 5,
                                      .offset = 0,
                                      .table = nullptr,
                                      .has_min = true,
                                      .unpack = unpack_q5_k,
                                      .unpack_scales = unpack_scales_q5_k};

}  // namespace mote::codec
