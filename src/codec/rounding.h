// Steps that the encoders share: extremes of a group and rounding to a code. Loops over a group have no
// branches and use integer comparisons of float bits, which compilers vectorise without licence to reorder
// float arithmetic, and whose result does not depend on the order.
//
// Non-finite input is not hidden: an extreme of a group that holds a NaN is a NaN, so the block's scale is
// one and the codec's is_finite() reports it.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace mote::codec {

// The first value of largest magnitude, with its sign; NaN where there is one. n > 0.
inline float signed_absmax(const float* x, std::size_t n) {
  // Magnitudes of floats order like their bits, and any NaN lies above infinity.
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t magnitude = std::bit_cast<std::int32_t>(x[i]) & 0x7FFFFFFF;
    largest = magnitude > largest ? magnitude : largest;
  }
  float first = x[0];
  for (std::size_t i = n; i-- > 0;) {
    const std::int32_t magnitude = std::bit_cast<std::int32_t>(x[i]) & 0x7FFFFFFF;
    first = magnitude == largest ? x[i] : first;
  }
  return first;
}

// Largest magnitude; NaN where there is one. n > 0.
inline float absmax(const float* x, std::size_t n) { return std::fabs(signed_absmax(x, n)); }

struct Range {
  float min;
  float max;
};

// Smallest and largest value; -0 counts as smaller than +0. Both are NaN where one is in x. n > 0.
inline Range range_of(const float* x, std::size_t n) {
  // Flipping the magnitude bits of negative floats makes all of them order like signed integers: NaNs with
  // sign lowest, those without highest. The flip is its own inverse.
  const auto flip = [](std::int32_t bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); };
  std::int32_t low = std::numeric_limits<std::int32_t>::max();
  std::int32_t high = std::numeric_limits<std::int32_t>::min();
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t key = flip(std::bit_cast<std::int32_t>(x[i]));
    low = key < low ? key : low;
    high = key > high ? key : high;
  }
  const float min = std::bit_cast<float>(flip(low));
  const float max = std::bit_cast<float>(flip(high));
  if (min != min || max != max) return {min + max, min + max};
  return {min, max};
}

// 1 / d, and 0 for a group of zeros, whose codes are then those of the value 0.
inline float inverse_or_zero(float d) { return d == 0.0F ? 0.0F : 1.0F / d; }

// Nearest integer in [low, high], halves away from zero; NaN gives 0. Requires -1024 <= low <= 0 <= high <=
// 1024.
inline int round_clamped(float v, int low, int high) {
  // Magnitude capped by its bits (those of 1024 are 0x44800000, of infinity 0x7F800000), so that the
  // conversion is defined for every float. Selections between floats would be branches, those between
  // integers are not.
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(v);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  std::uint32_t capped = magnitude < 0x44800000U ? magnitude : 0x44800000U;
  capped = magnitude > 0x7F800000U ? 0U : capped;
  const std::uint32_t sign = bits & 0x80000000U;
  // Truncation of v + (the float before one half): of v = n + 1/2 the sum is a tie and rounds up to n + 1, or
  // is rounded up as too fine for the float; of any smaller v it stays below n + 1.
  const float shifted = std::bit_cast<float>(sign | capped) + std::bit_cast<float>(sign | 0x3EFFFFFFU);
  const int rounded = static_cast<int>(shifted);
  const int not_below = rounded > low ? rounded : low;
  return not_below < high ? not_below : high;
}

// v where its magnitude is below 256, else (infinity and NaN too) 0. Values of a group divided by their own
// scale are far below 256; what is not comes from a scale whose inverse overflows or from input that is not
// finite, and 0 is what the reference's conversion to a byte makes of it.
inline float zero_unless_small(float v) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(v);
  return std::bit_cast<float>((bits & 0x7FFFFFFFU) < 0x43800000U ? bits : 0U);
}

// floor(v) for v >= 0, at most `high`; 0 where zero_unless_small() says so.
inline std::uint8_t truncate_capped(float v, int high) {
  const int whole = static_cast<int>(zero_unless_small(v));
  return static_cast<std::uint8_t>(whole < high ? whole : high);
}

}  // namespace mote::codec
