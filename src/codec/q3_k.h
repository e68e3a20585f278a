// Q3_K: 256 weights in 110 bytes (3.4375 bits each), symmetric, sub-blocks of 16 with 6-bit scales.
//
//   byte   0..31   hmask   bit b of byte j is bit 2 of the code of element 32 b + j
//   byte  32..95   qs      two halves of 128 elements with 32 bytes each; in a half, bits 2k and 2k + 1 of
//   byte j are
//                          bits 0 and 1 of the code of element 32 k + j
//   byte  96..107  scales  16 codes of 6 bits. Low four bits: byte s holds sub-block s (low nibble, s < 8)
//   and s + 8
//                          (high nibble). High two bits: byte 8 + s % 4, bits 2 (s / 4) and up
//   byte 108..109  d       IEEE half, scale of the scales
//   x[i] = (d * (scale - 32)) * (code[i] - 4)
//
// The format's documents speak of two bits and a mask that subtracts 4 where it is clear: the same as a three
// bit code with offset 4. Source: gguf-py quants.py (Q3_K), ggml-common.h (block_q3_K).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockQ3K {
  static constexpr std::size_t kElements = 256;
  std::uint8_t hmask[32];
  std::uint8_t qs[64];
  std::uint8_t scales[12];
  Half d;
};
static_assert(sizeof(BlockQ3K) == 110 && offsetof(BlockQ3K, qs) == 32 && offsetof(BlockQ3K, scales) == 96 &&
              offsetof(BlockQ3K, d) == 108);

// codes: 256 in element order, each below 8; scale_codes: 16, each below 64, meaning scale + 32.
void pack_q3_k(const std::uint8_t* codes, const std::uint8_t* scale_codes, Half d, BlockQ3K& out) noexcept;

void unpack_scales_q3_k(const std::byte* block, ScaleCodes& out) noexcept;
void unpack_q3_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_q3_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Absmax rounding: see symmetric_scales() in k_rounding.h, sub-scale = (value of largest magnitude) / -4.
void encode_q3_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_q3_k(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormQ3K{.group_elements = 16,
                                      .code_bits = 3,
                                      .offset = 4,
                                      .table = nullptr,
                                      .has_min = false,
                                      .unpack = unpack_q3_k,
                                      .unpack_scales = unpack_scales_q3_k};

}  // namespace mote::codec
