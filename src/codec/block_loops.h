// What every block format does the same way: reach its blocks in a byte stream, turn unpacked codes into
// values, look at its scales. A format adds only the reading and writing of its own bytes.
//
// Blocks are copied in and out by memcpy: a stream of 18-byte blocks has no alignment to rely on.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

static_assert(std::endian::native == std::endian::little,
              "blocks are stored little endian and copied as they are");

template <typename Block>
inline Block load_block(const std::byte* blocks, std::size_t index) {
  Block block;
  std::memcpy(&block, blocks + index * sizeof(Block), sizeof(Block));
  return block;
}

template <typename Block>
inline void store_block(const Block& block, std::byte* blocks, std::size_t index) {
  std::memcpy(blocks + index * sizeof(Block), &block, sizeof(Block));
}

// decode() from unpack(): scale * value - min, in this order, each step rounded to float. A subtraction of
// the negated minimum is the format's addition, and a format without minimum skips the step, so signs of
// zeros agree with the reference too.
//
// kHasTable says what kForm.table != nullptr says; GCC 12 does not take that comparison for a constant when
// its undefined-behaviour sanitizer is on.
template <typename Block, const IntegerForm& kForm, bool kHasTable = false>
inline void decode_blocks(const std::byte* blocks, float* out, std::size_t block_count) {
  constexpr std::size_t kGroup = kForm.group_elements;
  constexpr std::size_t kGroups = Block::kElements / kGroup;
  std::uint8_t codes[Block::kElements];
  float scales[kGroups];
  float mins[kGroups];
  for (std::size_t b = 0; b < block_count; ++b) {
    kForm.unpack(blocks + b * sizeof(Block), codes, scales, mins);
    for (std::size_t g = 0; g < kGroups; ++g) {
      const std::uint8_t* group_codes = codes + g * kGroup;
      float* group_out = out + b * Block::kElements + g * kGroup;
      for (std::size_t i = 0; i < kGroup; ++i) {
        float value = 0;
        if constexpr (kHasTable) {
          value = static_cast<float>(kForm.table[group_codes[i]]);
        } else {
          value = static_cast<float>(static_cast<int>(group_codes[i]) - kForm.offset);
        }
        value *= scales[g];
        if constexpr (kForm.has_min) value -= mins[g];
        group_out[i] = value;
      }
    }
  }
}

inline bool is_finite_half(Half h) { return (h & 0x7C00U) != 0x7C00U; }

// True where the named half-precision fields of all blocks are finite: all_finite<BlockQ4K,
// &BlockQ4K::d>(...).
template <typename Block, Half Block::*... kFields>
inline bool all_finite(const std::byte* blocks, std::size_t block_count) {
  bool finite = true;
  for (std::size_t b = 0; b < block_count; ++b) {
    const Block block = load_block<Block>(blocks, b);
    finite &= (is_finite_half(block.*kFields) && ...);
  }
  return finite;
}

}  // namespace mote::codec
