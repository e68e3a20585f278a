// Plain rounding to patterns (IQ2_S, IQ3_S): absmax scales, then the closest pattern at the scale as stored.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "codec/rounding.h"
#include "tensor/float16.h"

namespace mote::codec {

template <std::size_t kPatterns, std::size_t kGroups>
struct PatternCodes {
  std::uint16_t patterns[kPatterns];
  std::uint8_t signs[32];
  std::uint8_t scale_codes[kGroups];
  Half d;
};

// The step of a group is d * (scale + 1/2) * kUnit, for scale codes 0 to 15. `largest`: of the codebook's
// values.
template <std::size_t kPatterns, std::size_t kGroups, typename Nearest>
inline PatternCodes<kPatterns, kGroups> round_to_patterns(const float* x, const Nearest& nearest, float unit,
                                                          float largest) {
  constexpr std::size_t kGroup = 256 / kGroups;
  constexpr std::size_t kPattern = 256 / kPatterns;
  PatternCodes<kPatterns, kGroups> out{};
  float steps[kGroups];
  for (std::size_t g = 0; g < kGroups; ++g) steps[g] = absmax(x + g * kGroup, kGroup) / largest;
  out.d = float_to_half(absmax(steps, kGroups) / (15.5F * unit));
  const float d = half_to_float(out.d) * unit;
  const float inverse_d = inverse_or_zero(d);
  float magnitudes[kPattern];
  float weights[kPattern];
  for (float& w : weights) w = 1.0F;
  for (std::size_t g = 0; g < kGroups; ++g) {
    out.scale_codes[g] = static_cast<std::uint8_t>(round_clamped(steps[g] * inverse_d - 0.5F, 0, 15));
    const float inverse = inverse_or_zero(d * (static_cast<float>(out.scale_codes[g]) + 0.5F));
    for (std::size_t p = g * kGroup / kPattern; p < (g + 1) * kGroup / kPattern; ++p) {
      for (std::size_t i = 0; i < kPattern; ++i) magnitudes[i] = std::fabs(x[p * kPattern + i]) * inverse;
      out.patterns[p] = nearest.find(magnitudes, weights);
    }
  }
  for (std::size_t i = 0; i < 256; ++i) {
    out.signs[i / 8] = static_cast<std::uint8_t>(out.signs[i / 8] | (x[i] < 0.0F ? 1 : 0) << (i % 8));
  }
  return out;
}

}  // namespace mote::codec
