// NVFP4: 64 weights in 36 bytes (4.5 bits each): four-bit floats, a scale of eight bits for every 16.
//
//   byte  0..3   d     four scales, unsigned E4M3: bits 3 to 6 the exponent (bias 7), bits 0 to 2 the
//   fraction; bit 7 is
//                      not read; 0x7F means NaN
//   byte  4..35  qs    eight bytes a sub-block of 16: low nibble of byte j is element j, high nibble element
//   j + 8 x[i] = (E4M3(d) / 2) * kFp4Values[code[i]]
//
// The values are doubled and the scales are halved, so that the values are integers. Scales span 2^-9 to 448
// only: files with smaller weights bring a factor for the whole tensor beside it, a one-element tensor
// "NAME.scale". 0x7F decodes to zeros, as in the reference, but is_finite() reports it. Source: gguf-py
// quants.py (NVFP4), ggml-impl.h (ggml_ue4m3_to_fp32, ggml_fp32_to_ue4m3).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/fp4.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockNvfp4 {
  static constexpr std::size_t kElements = 64;
  std::uint8_t d[4];
  std::uint8_t qs[32];
};
static_assert(sizeof(BlockNvfp4) == 36 && offsetof(BlockNvfp4, qs) == 4);

// codes: 64 in element order, each below 16; d: four scales as stored.
void pack_nvfp4(const std::uint8_t* codes, const std::uint8_t* d, BlockNvfp4& out) noexcept;

// Half of what an E4M3 scale means, and the nearest scale to a positive number (halves up; at most 448; 0
// below half of the smallest).
float half_ue4m3(std::uint8_t stored) noexcept;
std::uint8_t nearest_ue4m3(float value) noexcept;

void unpack_nvfp4(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_nvfp4(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Each 16 values: scale max |x| / 6 rounded to E4M3, values closest at the stored scale, as the reference in
// C (the package gguf has no encoder for it). Input that is not finite gets the scale 0x7F.
void encode_nvfp4(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
// False where a scale is 0x7F (or 0xFF).
bool is_finite_nvfp4(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormNvfp4{.group_elements = 16,
                                        .code_bits = 4,
                                        .offset = 0,
                                        .table = kFp4Values,
                                        .has_min = false,
                                        .half_scales = true,
                                        .unpack = unpack_nvfp4};

}  // namespace mote::codec
