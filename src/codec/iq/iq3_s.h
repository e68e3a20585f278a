// IQ3_S: 256 weights in 110 bytes (3.4375 bits each). Sub-blocks of 32 share a scale of four bits; patterns
// of 4; eight signs in a byte.
//
//   byte   0..1    d       IEEE half, scale of the scales
//   byte   2..65   qs      byte j: bits 0 to 7 of the pattern index of elements 4 j to 4 j + 3
//   byte  66..73   qh      bit k of byte s is bit 8 of the index of pattern 8 s + k
//   byte  74..105  signs   bit i of byte j set: element 8 j + i is negative
//   byte 106..109  scales  nibble s (low nibble first) is the scale of sub-block s
//   x[i] = (d * (2 scale + 1)) * (+-pattern[i])
//
// Source: gguf-py quants.py (IQ3_S), ggml-common.h (block_iq3_s).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/codec.h"
#include "codec/iq/grids.h"
#include "tensor/float16.h"

namespace mote::codec {

struct BlockIq3S {
  static constexpr std::size_t kElements = 256;
  Half d;
  std::uint8_t qs[64];
  std::uint8_t qh[8];
  std::uint8_t signs[32];
  std::uint8_t scales[4];
};
static_assert(sizeof(BlockIq3S) == 110 && offsetof(BlockIq3S, qh) == 66 && offsetof(BlockIq3S, signs) == 74 &&
              offsetof(BlockIq3S, scales) == 106);

// patterns: 64 indices below 512; signs: 32 bytes; scale_codes: 8, each below 16.
void pack_iq3_s(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                Half d, BlockIq3S& out) noexcept;

void unpack_iq3_s(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
void decode_iq3_s(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
// Plain rounding, as encode_iq2_s(): the largest magnitude on 15.
void encode_iq3_s(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
bool is_finite_iq3_s(const std::byte* blocks, std::size_t block_count) noexcept;

inline constexpr IntegerForm kFormIq3S{.group_elements = 32,
                                       .code_bits = 4,
                                       .offset = 0,
                                       .table = kIq3SValues,
                                       .has_min = false,
                                       .unpack = unpack_iq3_s};

}  // namespace mote::codec
