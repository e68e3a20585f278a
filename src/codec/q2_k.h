// Q2_K: 256 weights in 84 bytes (2.625 bits each), sub-blocks of 16 with 4-bit scales and minima.
//
//   byte  0..15  scales  sub-block s: low nibble is its scale code, high nibble its min code
//   byte 16..79  qs      two halves of 128 elements with 32 bytes each; in a half, bits 2k and 2k + 1 of byte
//   j are
//                        element 32 k + j
//   byte 80..81  d       IEEE half, scale of the scales
//   byte 82..83  dmin    IEEE half, scale of the minima
//   x[i] = (d * scale) * code[i] - dmin * min
//
// Source: gguf-py quants.py (Q2_K), ggml-common.h (block_q2_K).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ2K {
  static constexpr std::size_t kElements = 256;
  std::uint8_t scales[16];
  std::uint8_t qs[64];
  Half d;
  Half dmin;
};
static_assert(sizeof(BlockQ2K) == 84 && offsetof(BlockQ2K, qs) == 16 && offsetof(BlockQ2K, d) == 80 &&
              offsetof(BlockQ2K, dmin) == 82);

// codes: 256 in element order, each below 4; scale_codes and min_codes: 16 each, below 16.
void pack_q2_k(const std::uint8_t* codes, const std::uint8_t* scale_codes, const std::uint8_t* min_codes,
               Half d, Half dmin, BlockQ2K& out) noexcept;

void unpack_scales_q2_k(const std::byte* block, ScaleCodes& out) noexcept;
void unpack_q2_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q2_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Min-max rounding: see asymmetric_scales() in k_rounding.h, with scale and min codes up to 15.
void encode_q2_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q2_k(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ2K{.group_elements = 16,
                                      .code_bits = 2,
                                      .offset = 0,
                                      .table = nullptr,
                                      .has_min = true,
                                      .unpack = unpack_q2_k,
                                      .unpack_scales = unpack_scales_q2_k};

}  // namespace mote::codec
