#include "tensor/float16.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/rng.h"

namespace mote {
namespace {

std::uint32_t bits_of(float f) { return std::bit_cast<std::uint32_t>(f); }

// binary16 by its definition (IEEE 754-2008, 3.4), in double arithmetic that is exact here.
double half_by_definition(std::uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const int fraction = h & 1023;
  const double sign = (h & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

bool is_nan_half(std::uint16_t h) { return (h & 0x7FFF) > 0x7C00; }

TEST(HalfToFloat, IsExactForAll65536Values) {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const auto half = static_cast<Half>(h);
    const float f = half_to_float(half);
    if (is_nan_half(half)) {
      ASSERT_TRUE(std::isnan(f)) << h;
    } else if ((h & 0x7FFF) == 0x7C00) {
      ASSERT_EQ(f, (h & 0x8000) != 0 ? -INFINITY : INFINITY) << h;
    } else {
      ASSERT_EQ(static_cast<double>(f), half_by_definition(half)) << h;
      ASSERT_EQ(std::signbit(f), (h & 0x8000) != 0) << h;
    }
  }
}

TEST(FloatToHalf, ReturnsEveryHalfThatCameFromOne) {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const auto half = static_cast<Half>(h);
    if (is_nan_half(half)) {
      ASSERT_TRUE(is_nan_half(float_to_half(half_to_float(half)))) << h;
    } else {
      ASSERT_EQ(float_to_half(half_to_float(half)), half) << h;
    }
  }
}

// Between two neighbouring halves lies one midpoint, exact in a float: it goes to the even one, the floats
// next to it to the nearer one. Together with monotony this fixes rounding for every float.
TEST(FloatToHalf, RoundsToNearestEvenAroundEveryMidpoint) {
  for (std::uint32_t sign : {0U, 0x8000U}) {
    for (std::uint32_t h = 0; h < 0x7C00; ++h) {
      const double low = half_by_definition(static_cast<std::uint16_t>(h));
      // Past the largest half the next value would be 65536: from its midpoint on, 65520, the result is
      // infinity.
      const double high = h == 0x7BFF ? 65536.0 : half_by_definition(static_cast<std::uint16_t>(h + 1));
      auto middle = static_cast<float>((low + high) / 2);
      ASSERT_EQ(static_cast<double>(middle), (low + high) / 2);
      const float below = std::nextafterf(middle, 0.0F);
      const float above = std::nextafterf(middle, INFINITY);
      const float s = sign == 0 ? 1.0F : -1.0F;
      const std::uint32_t even = (h & 1U) == 0 ? h : h + 1;
      ASSERT_EQ(float_to_half(s * below), sign | h) << h;
      ASSERT_EQ(float_to_half(s * middle), sign | even) << h;
      ASSERT_EQ(float_to_half(s * above), sign | (h + 1)) << h;
    }
  }
}

TEST(FloatToHalf, KeepsTheEndsOfTheRange) {
  EXPECT_EQ(float_to_half(0.0F), 0x0000);
  EXPECT_EQ(float_to_half(-0.0F), 0x8000);
  EXPECT_EQ(float_to_half(65504.0F), 0x7BFF);
  EXPECT_EQ(float_to_half(65519.996F), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00);
  EXPECT_EQ(float_to_half(3.4e38F), 0x7C00);
  EXPECT_EQ(float_to_half(-INFINITY), 0xFC00);
  EXPECT_EQ(float_to_half(0x1p-25F), 0x0000);  // half of the smallest subnormal, a tie
  EXPECT_EQ(float_to_half(std::nextafterf(0x1p-25F, 1.0F)), 0x0001);
  EXPECT_EQ(float_to_half(1e-45F), 0x0000);
  EXPECT_TRUE(is_nan_half(float_to_half(NAN)));
  EXPECT_TRUE(
      is_nan_half(float_to_half(std::bit_cast<float>(0xFF800001U))));  // a NaN whose payload would be lost
}

#ifdef __FLT16_MAX__
TEST(FloatToHalf, AgreesWithTheCompilersHalfOnRandomFloats) {
  Rng rng(1);
  for (int i = 0; i < 4'000'000; ++i) {
    const auto f = std::bit_cast<float>(static_cast<std::uint32_t>(rng.next_u64()));
    if (std::isnan(f)) continue;
    ASSERT_EQ(float_to_half(f), std::bit_cast<std::uint16_t>(static_cast<_Float16>(f))) << bits_of(f);
  }
}

TEST(HalfToFloat, AgreesWithTheCompilersHalf) {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const auto half = static_cast<Half>(h);
    if (is_nan_half(half)) continue;
    ASSERT_EQ(bits_of(half_to_float(half)), bits_of(static_cast<float>(std::bit_cast<_Float16>(half)))) << h;
  }
}
#endif

TEST(Bfloat16, IsTheUpperHalfOfAFloatRoundedToNearestEven) {
  for (std::uint32_t b = 0; b < 65536; ++b) {
    const float f = bhalf_to_float(static_cast<BHalf>(b));
    ASSERT_EQ(bits_of(f), b << 16);
    if (std::isnan(f)) {
      ASSERT_TRUE(std::isnan(bhalf_to_float(float_to_bhalf(f)))) << b;
      continue;
    }
    ASSERT_EQ(float_to_bhalf(f), b);
    if (std::isinf(f)) continue;
    // The bits of floats are ordered like their magnitudes: the midpoint is the pattern half way.
    const std::uint32_t middle = (b << 16) | 0x8000U;
    const std::uint32_t even = (b & 1U) == 0 ? b : b + 1;
    ASSERT_EQ(float_to_bhalf(std::bit_cast<float>(middle - 1)), b);
    ASSERT_EQ(float_to_bhalf(std::bit_cast<float>(middle)), even);
    ASSERT_EQ(float_to_bhalf(std::bit_cast<float>(middle + 1)), b + 1);
  }
  EXPECT_TRUE(std::isnan(bhalf_to_float(float_to_bhalf(std::bit_cast<float>(0x7F800001U)))));
  EXPECT_EQ(float_to_bhalf(std::bit_cast<float>(0x7F7FFFFFU)), 0x7F80);  // the largest float becomes infinity
}

}  // namespace
}  // namespace mote
