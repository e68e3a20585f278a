// The 12 bytes in which Q4_K and Q5_K keep eight 6-bit scale codes and eight 6-bit min codes.
//
//   byte j      (0..3)   bits 0..5 scale j          bits 6..7 bits 4..5 of scale j + 4
//   byte j + 4           bits 0..5 min j            bits 6..7 bits 4..5 of min j + 4
//   byte j + 8           bits 0..3 of scale j + 4   bits 4..7 bits 0..3 of min j + 4
//
// Source: gguf-py quants.py (Q4_K.get_scale_min).
#pragma once

#include <cstdint>

namespace mote::codec {

// All codes below 64; packed: 12 bytes; scale_codes and min_codes: 8 each.
inline void pack_k_scales(const std::uint8_t* scale_codes, const std::uint8_t* min_codes,
                          std::uint8_t* packed) {
  for (int j = 0; j < 4; ++j) {
    packed[j] = static_cast<std::uint8_t>(scale_codes[j] | (scale_codes[j + 4] >> 4) << 6);
    packed[j + 4] = static_cast<std::uint8_t>(min_codes[j] | (min_codes[j + 4] >> 4) << 6);
    packed[j + 8] = static_cast<std::uint8_t>((scale_codes[j + 4] & 15) | (min_codes[j + 4] & 15) << 4);
  }
}

// Into the signed bytes of ScaleCodes, which hold any code below 128.
inline void unpack_k_scales(const std::uint8_t* packed, std::int8_t* scale_codes, std::int8_t* min_codes) {
  for (int j = 0; j < 4; ++j) {
    scale_codes[j] = static_cast<std::int8_t>(packed[j] & 63);
    min_codes[j] = static_cast<std::int8_t>(packed[j + 4] & 63);
    scale_codes[j + 4] = static_cast<std::int8_t>((packed[j + 8] & 15) | (packed[j] >> 6) << 4);
    min_codes[j + 4] = static_cast<std::int8_t>((packed[j + 8] >> 4) | (packed[j + 4] >> 6) << 4);
  }
}

}  // namespace mote::codec
