#include "quantize/level_table.h"

#include <cstddef>

#include "codec/fp4.h"
#include "codec/iq4_nl.h"
#include "codec/table4.h"

namespace mote::quantize {
namespace {

// Values by code, risen; a value that two codes have (zero with either sign) has the first of them.
template <typename Values>
constexpr LevelTable level_table_of(const Values& values) {
  LevelTable out{};
  std::size_t n = 0;
  for (std::size_t code = 0; code < 16; ++code) {
    const auto value = static_cast<float>(values[code]);
    bool there = false;
    for (std::size_t i = 0; i < n; ++i) there = there || out.values[i] == value;
    if (there) continue;
    std::size_t at = n++;
    for (; at > 0 && out.values[at - 1] > value; --at) {
      out.values[at] = out.values[at - 1];
      out.codes[at] = out.codes[at - 1];
    }
    out.values[at] = value;
    out.codes[at] = static_cast<std::uint8_t>(code);
  }
  out.last = static_cast<std::uint8_t>(n - 1);
  for (std::size_t i = n; i < 16; ++i) {
    out.values[i] = out.values[n - 1];
    out.codes[i] = out.codes[n - 1];
  }
  return out;
}

constexpr LevelTable kIq4Levels = level_table_of(codec::kIq4Values);
constexpr LevelTable kFp4Levels = level_table_of(codec::kFp4Values);
constexpr LevelTable kNf4Levels = level_table_of(codec::kNf4Values);
constexpr LevelTable kFp4TableLevels = level_table_of(codec::kFp4TableValues);

}  // namespace

const LevelTable* level_table(CodecId id) {
  switch (id) {
    case CodecId::iq4_nl:
    case CodecId::iq4_xs:
      return &kIq4Levels;
    case CodecId::mxfp4:
    case CodecId::nvfp4:
      return &kFp4Levels;
    case CodecId::nf4:
      return &kNf4Levels;
    case CodecId::fp4:
      return &kFp4TableLevels;
    default:
      return nullptr;
  }
}

}  // namespace mote::quantize
