// MXFP4: 32 weights in 17 bytes (4.25 bits each): four-bit floats under a power of two. A format of the Open
// Compute Project's microscaling specification (MX v1.0), here with nibbles in GGUF's order.
//
//   byte  0      e     exponent of the scale 2^(e - 127); 255 means NaN
//   byte  1..16  qs    byte j: low nibble is element j, high nibble is element j + 16
//   x[i] = 2^(e - 128) * kFp4Values[code[i]]
//
// The values are doubled and the scale is halved, so that the values are integers. e = 255: decodes as any
// other exponent, as in the reference, but is_finite() reports it. Source: gguf-py quants.py (MXFP4),
// ggml-impl.h (ggml_e8m0_to_fp32_half).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/fp4.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockMxfp4 {
  static constexpr std::size_t kElements = 32;
  std::uint8_t e;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockMxfp4) == 17 && offsetof(BlockMxfp4, qs) == 1);

// 2^(e - 128)
float half_exponent(std::uint8_t e) noexcept;

// codes: 32 in element order, each below 16.
void pack_mxfp4(const std::uint8_t* codes, std::uint8_t e, BlockMxfp4& out) noexcept;

void unpack_mxfp4(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_mxfp4(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// The largest magnitude gets the exponent of 4 or 6: e = floor(log2(max |x|)) + 125, with the logarithm
// rounded to float as in the reference; not below 0 (where the reference's conversion to a byte wraps
// around). Equal bit for bit to gguf.quantize otherwise. Input that is not finite gets e = 255.
void encode_mxfp4(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
// False where e is 255 or a value overflows.
bool is_finite_mxfp4(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormMxfp4{.group_elements = 32,
                                        .code_bits = 4,
                                        .offset = 0,
                                        .table = kFp4Values,
                                        .has_min = false,
                                        .unpack = unpack_mxfp4};

}  // namespace mote::codec
