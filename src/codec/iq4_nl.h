// IQ4_NL: 32 weights in 18 bytes (4.5 bits each). Q4_0's bytes, but a code names one of 16 uneven steps,
// denser around zero, where weights are.
//
//   byte  0..1   d     IEEE half, the scale
//   byte  2..17  qs    byte j: low nibble is element j, high nibble is element j + 16
//   x[i] = d * kIq4Values[code[i]]
//
// Source: gguf-py quants.py (IQ4_NL), ggml-common.h (block_iq4_nl, kvalues_iq4nl).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

// Ascending; a fact of the format, shared by IQ4_NL and IQ4_XS.
inline constexpr std::int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};

// Code of the table value closest to v; of two equally close ones the larger. NaN gives 0.
inline std::uint8_t nearest_iq4_code(float v) {
  // One comparison per midpoint instead of a search: the loop has no branch and vectorises over callers'
  // elements.
  int code = 0;
  for (int i = 0; i < 15; ++i) {
    const float midpoint = 0.5F * static_cast<float>(kIq4Values[i] + kIq4Values[i + 1]);
    code += v >= midpoint ? 1 : 0;
  }
  return static_cast<std::uint8_t>(code);
}

struct BlockIq4Nl {
  static constexpr std::size_t kElements = 32;
  Half d;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockIq4Nl) == 18 && offsetof(BlockIq4Nl, qs) == 2);

// codes: 32 in element order, each below 16.
void pack_iq4_nl(const std::uint8_t* codes, Half d, BlockIq4Nl& out) noexcept;

void unpack_iq4_nl(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_iq4_nl(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// d = (first value of largest magnitude) / -127, rounded to half; codes are the closest table values for that
// d.
void encode_iq4_nl(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_iq4_nl(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormIq4Nl{.group_elements = 32,
                                        .code_bits = 4,
                                        .offset = 0,
                                        .table = kIq4Values,
                                        .has_min = false,
                                        .half_scales = true,
                                        .unpack = unpack_iq4_nl};

}  // namespace mote::codec
