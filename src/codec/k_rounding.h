// Plain rounding of super-blocks: scales first, then scales of scales, then codes on what was stored.
//
//   1. Each sub-block gets the scale that spans it (and its minimum, never above 0, since only a subtraction
//   of
//      something non-negative can be stored).
//   2. The largest scale fixes d so that it gets the largest scale code; d is rounded to half precision, and
//   the
//      scale codes are chosen for the rounded d. Minima likewise.
//   3. Codes are rounded with the scales as the decoder will see them, so errors of step 2 are made good
//   where the
//      code range allows.
//
// No search: what a better choice of scales gains is a method's business, not the format's. All rounding is
// to nearest, halves away from zero, in float arithmetic of a fixed order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/rounding.h"
#include "tensor/float16.h"

namespace mote::codec {

template <std::size_t kGroups>
struct AsymmetricScales {
  Half d;
  Half dmin;
  std::uint8_t scale_codes[kGroups];
  std::uint8_t min_codes[kGroups];
};

// x: kGroups * kGroupSize values. Codes will lie in [0, max_code], scale and min codes in [0,
// max_scale_code].
template <std::size_t kGroups, std::size_t kGroupSize>
inline AsymmetricScales<kGroups> asymmetric_scales(const float* x, int max_code, int max_scale_code) {
  float scales[kGroups];
  float mins[kGroups];
  for (std::size_t g = 0; g < kGroups; ++g) {
    const Range range = range_of(x + g * kGroupSize, kGroupSize);
    const float low = range.min < 0.0F ? range.min : 0.0F;
    const float high = range.max > low || range.max != range.max ? range.max : low;
    scales[g] = (high - low) / static_cast<float>(max_code);
    mins[g] = 0.0F - low;  // +0, not -0, where there is none
  }
  AsymmetricScales<kGroups> result;
  result.d = float_to_half(signed_absmax(scales, kGroups) / static_cast<float>(max_scale_code));
  result.dmin = float_to_half(signed_absmax(mins, kGroups) / static_cast<float>(max_scale_code));
  const float inverse_d = inverse_or_zero(half_to_float(result.d));
  const float inverse_dmin = inverse_or_zero(half_to_float(result.dmin));
  for (std::size_t g = 0; g < kGroups; ++g) {
    result.scale_codes[g] =
        static_cast<std::uint8_t>(round_clamped(scales[g] * inverse_d, 0, max_scale_code));
    result.min_codes[g] = static_cast<std::uint8_t>(round_clamped(mins[g] * inverse_dmin, 0, max_scale_code));
  }
  return result;
}

// codes: kGroups * kGroupSize, for x = (d * scale) * code - dmin * min.
template <std::size_t kGroups, std::size_t kGroupSize>
inline void round_asymmetric(const float* x, const AsymmetricScales<kGroups>& scales, int max_code,
                             std::uint8_t* codes) {
  for (std::size_t g = 0; g < kGroups; ++g) {
    const float inverse =
        inverse_or_zero(half_to_float(scales.d) * static_cast<float>(scales.scale_codes[g]));
    const float min = half_to_float(scales.dmin) * static_cast<float>(scales.min_codes[g]);
    for (std::size_t i = g * kGroupSize; i < (g + 1) * kGroupSize; ++i) {
      codes[i] = static_cast<std::uint8_t>(round_clamped((x[i] + min) * inverse, 0, max_code));
    }
  }
}

template <std::size_t kGroups>
struct SymmetricScales {
  Half d;
  std::int8_t scales[kGroups];  // as multiples of d

  // What a code is multiplied with in group g.
  [[nodiscard]] float step(std::size_t g) const { return half_to_float(d) * static_cast<float>(scales[g]); }
};

// Two's complement ranges have one more negative value: the value of largest magnitude is put on
// `lowest_value`
// (-4, -32, -127), and the largest sub-scale on `lowest_scale` (-32, -128); both carry signs to make that so.
template <std::size_t kGroups, std::size_t kGroupSize>
inline SymmetricScales<kGroups> symmetric_scales(const float* x, int lowest_value, int lowest_scale) {
  float scales[kGroups];
  for (std::size_t g = 0; g < kGroups; ++g) {
    scales[g] = signed_absmax(x + g * kGroupSize, kGroupSize) / static_cast<float>(lowest_value);
  }
  SymmetricScales<kGroups> result;
  result.d = float_to_half(signed_absmax(scales, kGroups) / static_cast<float>(lowest_scale));
  const float inverse_d = inverse_or_zero(half_to_float(result.d));
  for (std::size_t g = 0; g < kGroups; ++g) {
    result.scales[g] =
        static_cast<std::int8_t>(round_clamped(scales[g] * inverse_d, lowest_scale, -lowest_scale - 1));
  }
  return result;
}

// codes: value + offset, value in [-offset, offset - 1], for x = (d * scale) * value.
template <std::size_t kGroups, std::size_t kGroupSize>
inline void round_symmetric(const float* x, const SymmetricScales<kGroups>& scales, int offset,
                            std::uint8_t* codes) {
  for (std::size_t g = 0; g < kGroups; ++g) {
    const float inverse = inverse_or_zero(scales.step(g));
    for (std::size_t i = g * kGroupSize; i < (g + 1) * kGroupSize; ++i) {
      codes[i] = static_cast<std::uint8_t>(round_clamped(x[i] * inverse, -offset, offset - 1) + offset);
    }
  }
}

}  // namespace mote::codec
