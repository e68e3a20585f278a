// IQ4_XS: 256 weights in 136 bytes (4.25 bits each): IQ4_NL's uneven steps with 6-bit scales per 32 elements.
//
//   byte  0..1    d         IEEE half, scale of the scales
//   byte  2..3    scales_h  bits 2s and 2s + 1 of these 16 (little endian) are bits 4 and 5 of sub-block s's
//   code byte  4..7    scales_l  byte j: low nibble is bits 0..3 of sub-block 2j, high nibble of sub-block 2j
//   + 1 byte  8..135  qs        16 bytes per sub-block: low nibble of byte j is element j, high nibble
//   element j + 16 x[i] = (d * (scale - 32)) * kIq4Values[code[i]]
//
// Source: gguf-py quants.py (IQ4_XS), ggml-common.h (block_iq4_xs).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/iq4_nl.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockIq4Xs {
  static constexpr std::size_t kElements = 256;
  Half d;
  std::uint16_t scales_h;
  std::uint8_t scales_l[4];
  std::uint8_t qs[128];
};
static_assert(sizeof(BlockIq4Xs) == 136 && offsetof(BlockIq4Xs, scales_h) == 2 &&
              offsetof(BlockIq4Xs, scales_l) == 4 && offsetof(BlockIq4Xs, qs) == 8);

// codes: 256 in element order, each below 16; scale_codes: 8, each below 64, meaning scale + 32.
void pack_iq4_xs(const std::uint8_t* codes, const std::uint8_t* scale_codes, Half d,
                 BlockIq4Xs& out) noexcept;

void unpack_scales_iq4_xs(const std::byte* block, ScaleCodes& out) noexcept;
void unpack_iq4_xs(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_iq4_xs(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Absmax rounding: see symmetric_scales() in k_rounding.h, sub-scale = (value of largest magnitude) / -127.
void encode_iq4_xs(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_iq4_xs(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormIq4Xs{.group_elements = 32,
                                        .code_bits = 4,
                                        .offset = 0,
                                        .table = kIq4Values,
                                        .has_min = false,
                                        .unpack = unpack_iq4_xs,
                                        .unpack_scales = unpack_scales_iq4_xs};

}  // namespace mote::codec
