// The order of additions that all instruction sets share (see kernel_table.h), and the exponential.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace mote::kernels::reference {

inline constexpr std::size_t kLanes = 16;

// Sums lanes: l and l + 8, l and l + 4, l and l + 2, l and l + 1. Destroys them.
inline float sum_lanes(float (&lanes)[kLanes]) {
  for (std::size_t half = kLanes / 2; half != 0; half /= 2) {
    for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

// Lane sum of a(i) * b(i) for i in [0, n).
template <typename A, typename B>
float dot(std::size_t n, A a, B b) {
  float lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i < n; ++i) lanes[i % kLanes] = std::fmaf(a(i), b(i), lanes[i % kLanes]);
  for (; i % kLanes != 0; ++i) lanes[i % kLanes] = std::fmaf(0.0F, 0.0F, lanes[i % kLanes]);
  return sum_lanes(lanes);
}

// exp by x = k ln 2 + r and a polynomial of degree 7 on |r| <= ln 2 / 2. Source of the constants: Cephes,
// expf (S. Moshier), 2 ulp. ln 2 in two parts, the first with 9 bits, so that k times it is exact.
inline constexpr float kLog2E = 1.44269504F;
inline constexpr float kLn2High = 0.693359375F;
inline constexpr float kLn2Low = -2.12194440e-4F;
inline constexpr float kExpPolynomial[] = {1.9875691500e-4F, 1.3981999507e-3F, 8.3334519073e-3F,
                                           4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F};
inline constexpr float kExpLowest = -87.336544F;  // ln(2^-126)
inline constexpr float kExpHighest = 104.0F;      // far beyond overflow, so that k stays small

inline float exp(float x) {
  if (std::isnan(x)) return x;
  if (x < kExpLowest) return 0.0F;
  x = x > kExpHighest ? kExpHighest : x;
  const float k = std::nearbyintf(x * kLog2E);
  float r = std::fmaf(-k, kLn2High, x);
  r = std::fmaf(-k, kLn2Low, r);
  float p = kExpPolynomial[0];
  for (std::size_t i = 1; i < std::size(kExpPolynomial); ++i) p = std::fmaf(p, r, kExpPolynomial[i]);
  p = std::fmaf(p, r * r, r) + 1.0F;
  // 2^k in two factors, each a normal number: k reaches 150.
  const int k1 = static_cast<int>(k) >> 1;
  const int k2 = static_cast<int>(k) - k1;
  const auto power = [](int e) { return std::bit_cast<float>(static_cast<std::uint32_t>(e + 127) << 23U); };
  return p * power(k1) * power(k2);
}

}  // namespace mote::kernels::reference
