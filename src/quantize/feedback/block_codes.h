// A block's codes and factors apart from its bytes, so that a method may change some and keep the others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/codec_id.h"
#include "tensor/float16.h"

namespace mote::quantize {

// Whether the functions below know the format: those whose every element has a code of its own under a scale
// (and a min), see codec::IntegerForm.
bool has_free_codes(CodecId id);
// Whether their factors can be any halves. Those of affine groups cannot: a zero point is a code, and scales
// are those that a file can store.
bool has_factors(CodecId id);

// A block's codes, and scales and mins of its groups, as IntegerForm::unpack has them, but codes of a table
// as indices of level_table(), and scales that its values are exact with. Here and below codes are these.
void unpack_block(CodecId id, const std::byte* block, std::uint8_t* codes, float* scales, float* mins);

// Codes that an element may take; Q8_0's reference never writes -128.
struct CodeRange {
  std::uint8_t low;
  std::uint8_t high;
};
CodeRange code_range(CodecId id);

// What all scales of a block are multiples of, and all mins; in super-blocks times integers that stay as they
// are, elsewhere the scale and the min themselves. `min` is what is subtracted, 0 in formats without. For
// has_factors() only.
struct BlockFactors {
  Half scale;
  Half min;
};
BlockFactors block_factors(CodecId id, const std::byte* block);

// Writes new codes (one per element) and, where has_factors(), factors; the integers of a super-block's
// scales stay.
void rewrite_block(CodecId id, std::byte* block, const std::uint8_t* codes, BlockFactors factors);

}  // namespace mote::quantize
