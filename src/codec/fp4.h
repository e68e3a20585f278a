// Four-bit floats (E2M1: a sign, two bits of exponent, one of fraction), which MXFP4 and NVFP4 share: 0, 0.5,
// 1, 1.5, 2, 3, 4, 6 with either sign. Values are kept doubled, as integers, and scales halved.
#pragma once

#include <cmath>
#include <cstdint>

namespace mote::codec {

inline constexpr std::int8_t kFp4Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// Code of the value closest to x / d; of equally close ones the first, so zero is always code 0. Distances
// are taken in float arithmetic from d * value, as the reference does. NaN gives 0.
inline std::uint8_t nearest_fp4(float x, float d) {
  int best = 0;
  float smallest = std::fabs(x);
  for (int code = 1; code < 16; ++code) {
    const float distance = std::fabs(d * static_cast<float>(kFp4Values[code]) - x);
    best = distance < smallest ? code : best;
    smallest = distance < smallest ? distance : smallest;
  }
  return static_cast<std::uint8_t>(best);
}

}  // namespace mote::codec
