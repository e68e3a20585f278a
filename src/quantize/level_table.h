// Formats whose codes stand for values of a table: IQ4_NL, IQ4_XS, MXFP4, NVFP4, NF4, FP4.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/codec_id.h"

namespace mote::quantize {

// Values that the codes of a format stand for, times the scale, where they are no whole numbers in a row. In
// rising order, zero once; where there are fewer than 16 the largest is repeated.
struct LevelTable {
  std::array<float, 16> values;
  std::array<std::uint8_t, 16> codes;  // as they are stored
  std::uint8_t last;                   // index of the largest
};
// Null for other formats.
const LevelTable* level_table(CodecId id);

}  // namespace mote::quantize
