// FP8: 32 weights in 36 bytes, floats of eight bits (OCP E4M3: a sign, four bits of exponent, three of
// fraction, no infinity) under one scale for the whole row.
//
//   byte  0..3   scale  float32, the same in all blocks of a row
//   byte  4..35  codes  E4M3, element order
//   x[i] = E4M3(code[i]) * scale
//
// What float-quantized weights of compressed-tensors become in memory. Blocks repeat their row's scale for
// the reason that affine.h gives. There is no integer form: the values span 2^-9 to 448, so products are
// those of floats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"

namespace mote::codec {

struct BlockFp8 {
  static constexpr std::size_t kElements = 32;
  std::uint8_t scale[4];
  std::uint8_t qs[32];
};
static_assert(sizeof(BlockFp8) == 36);

inline constexpr float kLargestE4m3 = 448.0F;

// Nearest code, ties to even; beyond 448 the largest, NaN for NaN.
std::uint8_t float_to_e4m3(float value) noexcept;

void decode_fp8(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Each block on its own: max |x| / 448. Rows of several blocks get their one scale from
// quantize/affine_rows.h.
void encode_fp8(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
// The codes of x / scale.
void write_fp8_block(float scale, const float* x, std::byte* block) noexcept;
// False where the scale, a code or their product is no number.
bool is_finite_fp8(const std::byte* blocks, std::size_t block_count) noexcept;

}  // namespace mote::codec
