// The codebooks of the IQ formats. A group of 8 (IQ1, IQ2) or 4 (IQ3) neighbouring weights is not stored
// element by element: an index names one of 256 to 2048 patterns of magnitudes, chosen by the format's makers
// as those that trained weights like best. Signs lie beside the index (IQ2, IQ3) or belong to the pattern
// (IQ1).
//
// A pattern is one 16-bit number, element 0 in its lowest bits:
//   IQ1  8 x 2 bits   0, 1, 2 mean -1, 0, 1
//   IQ2  8 x 2 bits   0, 1, 2 mean 8, 25, 43
//   IQ3  4 x 3 bits   IQ3_XXS: 0 to 7 mean 4, 12, 20, 28, 36, 44, 52, 62; IQ3_S: 1, 3, 5 ... 15
//
// To an integer product such a weight is a code of 3 or 4 bits: the index of its magnitude with the sign
// (IQ1: the sign of the shift) as top bit, read through a table. So these formats run like IQ4_NL.
#pragma once

#include <cstdint>
#include <cstring>

#include "codec/bit_planes.h"
#include "codec/iq/grid_tables.h"

namespace mote::codec {

// Values of codes. Index 3 of two bits never occurs in a pattern.
inline constexpr std::int8_t kIq1Values[8] = {-7, 1, 9, 0, -9, -1, 7, 0};  // 8 (p - 1) + 1, then - 1
inline constexpr std::int8_t kIq2Values[8] = {8, 25, 43, 0, -8, -25, -43, 0};
inline constexpr std::int8_t kIq3XxsValues[16] = {4,  12,  20,  28,  36,  44,  52,  62,
                                                  -4, -12, -20, -28, -36, -44, -52, -62};
inline constexpr std::int8_t kIq3SValues[16] = {1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15};

// 8 fields of two bits to 8 bytes: halves, quarters and pairs move apart in turn.
inline std::uint64_t spread_pairs(std::uint16_t pattern) {
  std::uint64_t x = pattern;
  x = (x | x << 24U) & 0x000000FF000000FFULL;
  x = (x | x << 12U) & 0x000F000F000F000FULL;
  return (x | x << 6U) & 0x0303030303030303ULL;
}

// 4 fields of three bits to 4 bytes.
inline std::uint32_t spread_triples(std::uint16_t pattern) {
  std::uint32_t x = pattern;
  x = (x | x << 10U) & 0x003F003FU;
  return (x | x << 5U) & 0x07070707U;
}

// Codes of 8 weights.
inline void store_iq1_codes(std::uint16_t pattern, bool shift_down, std::uint8_t* codes) {
  const std::uint64_t eight = spread_pairs(pattern) | (shift_down ? 0x0404040404040404ULL : 0ULL);
  std::memcpy(codes, &eight, sizeof eight);
}
inline void store_iq2_codes(std::uint16_t pattern, std::uint8_t signs, std::uint8_t* codes) {
  const std::uint64_t eight = spread_pairs(pattern) | spread_bits(signs, 2);
  std::memcpy(codes, &eight, sizeof eight);
}
inline void store_iq3_codes(std::uint16_t low, std::uint16_t high, std::uint8_t signs, std::uint8_t* codes) {
  const std::uint64_t both = spread_triples(low) | static_cast<std::uint64_t>(spread_triples(high)) << 32U;
  const std::uint64_t eight = both | spread_bits(signs, 3);
  std::memcpy(codes, &eight, sizeof eight);
}

// Eight signs in seven bits (IQ2_XXS, IQ2_XS, IQ3_XXS): the eighth makes the number of minus signs even.
inline std::uint8_t even_signs(std::uint32_t seven) {
  std::uint32_t parity = seven ^ seven >> 4U;
  parity ^= parity >> 2U;
  parity ^= parity >> 1U;
  return static_cast<std::uint8_t>(seven | (parity & 1U) << 7U);
}

}  // namespace mote::codec
