// IEEE binary16 and bfloat16 as raw bits, exact and the same on every machine (no F16C, no _Float16).
// Rounding is to nearest, ties to even; overflow gives infinity; NaN stays NaN.
#pragma once

#include <bit>
#include <cstdint>

namespace mote {

using Half = std::uint16_t;   // IEEE binary16
using BHalf = std::uint16_t;  // bfloat16: the upper half of a float

// Exponent and mantissa move to a float's fields, the bias is exchanged; subnormals are counted in units of
// 2^-24, exact in a float. Both are computed and one is masked in: a choice between them would be a branch
// per element and keep loops over many from being vectorised.
constexpr float half_to_float(Half h) {
  const std::uint32_t sign = (static_cast<std::uint32_t>(h) & 0x8000U) << 16U;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(h) & 0x7FFFU;
  // 127 - 15 = 112 on top of the exponent, and as much again takes all ones (infinity, NaN) to all ones.
  const std::uint32_t rebias = (magnitude >= 0x7C00U ? 224U : 112U) << 23U;
  const std::uint32_t normal = (magnitude << 13U) + rebias;
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24F);
  const std::uint32_t is_subnormal =
      0U - static_cast<std::uint32_t>(magnitude < 0x0400U);  // all ones or zero
  return std::bit_cast<float>(sign | (subnormal & is_subnormal) | (normal & ~is_subnormal));
}

constexpr Half float_to_half(float f) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(f);
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<Half>(sign | 0x7E00U);   // NaN, quiet
  if (magnitude >= 0x477FF000U) return static_cast<Half>(sign | 0x7C00U);  // 65520 and more round to infinity
  if (magnitude < 0x38800000U) {                                           // below 2^-14: subnormal or zero
    // Adding 0.5 aligns the units of 2^-24 with the float's last bit; the FPU rounds to nearest even.
    const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<Half>(sign | (std::bit_cast<std::uint32_t>(aligned) - 0x3F000000U));
  }
  const std::uint32_t odd = (magnitude >> 13U) & 1U;
  return static_cast<Half>(sign | ((magnitude - (112U << 23U) + 0xFFFU + odd) >> 13U));
}

constexpr float bhalf_to_float(BHalf b) { return std::bit_cast<float>(static_cast<std::uint32_t>(b) << 16U); }

constexpr BHalf float_to_bhalf(float f) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(f);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<BHalf>((bits >> 16U) | 0x40U);  // NaN, quiet
  return static_cast<BHalf>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

}  // namespace mote
