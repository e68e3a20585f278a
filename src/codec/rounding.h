// Steps that the encoders share: extremes of a group and rounding to a code. Loops over a group have no
// branches and use integer comparisons of float bits, which compilers vectorise without licence to reorder
// float arithmetic, and whose result does not depend on the order.
//
// Non-finite input is not hidden: an extreme of a group that holds a NaN is a NaN, so the block's scale is
// one and the codec's is_finite() reports it.
#pragma once

#include <bit>
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

// Nearest integer in [low, high], halves away from zero; NaN gives `low`.
inline int round_clamped(float v, int low, int high) {
  const auto low_f = static_cast<float>(low);
  const auto high_f = static_cast<float>(high);
  v = v > low_f ? v : low_f;
  v = v < high_f ? v : high_f;
  const int whole = static_cast<int>(v);
  const float rest = v - static_cast<float>(whole);  // exact: the two are of one magnitude
  return whole + (rest >= 0.5F ? 1 : 0) - (rest <= -0.5F ? 1 : 0);
}

// floor(v) for 0 <= v, at most `high`. Infinite and NaN v arise from scales whose inverse overflows or from
// input that is not finite; they give 0, as the conversion to bytes does in the reference.
inline std::uint8_t truncate_capped(float v, int high) {
  const int whole = static_cast<int>(v >= 0.0F && v < 256.0F ? v : 0.0F);
  return static_cast<std::uint8_t>(whole < high ? whole : high);
}

}  // namespace mote::codec
