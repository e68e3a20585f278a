#include "codec/rounding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "codec/iq4_nl.h"

namespace mote::codec {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(SignedAbsmax, KeepsTheSignAndPrefersTheFirstOfEquals) {
  const float plus_first[] = {1, -3, 3, 2};
  EXPECT_EQ(signed_absmax(plus_first, 4), -3);
  const float minus_later[] = {3, -3};
  EXPECT_EQ(signed_absmax(minus_later, 2), 3);
  const float zeros[] = {-0.0F, 0.0F};
  EXPECT_TRUE(std::signbit(signed_absmax(zeros, 2)));
}

TEST(SignedAbsmax, IsNanWhereAnyValueIs) {
  for (const float nan : {kNan, -kNan}) {
    const float x[] = {kInf, 1, nan, -kInf};
    EXPECT_TRUE(std::isnan(signed_absmax(x, 4)));
  }
}

TEST(RangeOf, FindsBothEndsOfAnySigns) {
  std::mt19937 engine(1);
  std::normal_distribution<float> normal(0.0F, 3.0F);
  for (const float shift : {-20.0F, 0.0F, 20.0F}) {
    std::vector<float> x(32);
    for (float& v : x) v = normal(engine) + shift;
    float min = x[0];
    float max = x[0];
    for (const float v : x) {
      min = std::fmin(min, v);
      max = std::fmax(max, v);
    }
    const Range range = range_of(x.data(), x.size());
    EXPECT_EQ(range.min, min);
    EXPECT_EQ(range.max, max);
  }
  const float infinite[] = {0, -kInf, kInf};
  EXPECT_EQ(range_of(infinite, 3).min, -kInf);
  EXPECT_EQ(range_of(infinite, 3).max, kInf);
}

TEST(RangeOf, IsNanAtBothEndsWhereAnyValueIs) {
  for (const float nan : {kNan, -kNan}) {
    const float x[] = {1, nan, 2};
    EXPECT_TRUE(std::isnan(range_of(x, 3).min));
    EXPECT_TRUE(std::isnan(range_of(x, 3).max));
  }
}

TEST(RoundClamped, RoundsHalvesAwayFromZeroAndJustBelowThemTowardsIt) {
  EXPECT_EQ(round_clamped(0.5F, -8, 7), 1);
  EXPECT_EQ(round_clamped(-0.5F, -8, 7), -1);
  EXPECT_EQ(round_clamped(2.5F, -8, 7), 3);
  EXPECT_EQ(round_clamped(-2.5F, -8, 7), -3);
  // Adding a half and truncating would get this one wrong: the sum rounds to 1.
  EXPECT_EQ(round_clamped(std::nextafter(0.5F, 0.0F), -8, 7), 0);
  EXPECT_EQ(round_clamped(std::nextafter(-2.5F, 0.0F), -8, 7), -2);
}

TEST(RoundClamped, AgreesWithTheStandardLibrary) {
  for (int i = -4000; i <= 4000; ++i) {
    const float v = static_cast<float>(i) / 32;
    EXPECT_EQ(static_cast<float>(round_clamped(v, -128, 127)), std::fmin(std::round(v), 127.0F)) << v;
  }
}

TEST(RoundClamped, ClampsWhatNoIntegerHolds) {
  EXPECT_EQ(round_clamped(1e30F, 0, 63), 63);
  EXPECT_EQ(round_clamped(-kInf, -32, 31), -32);
  EXPECT_EQ(round_clamped(kInf, -32, 31), 31);
  EXPECT_EQ(round_clamped(1023.5F, -1024, 1024), 1024);
  EXPECT_EQ(round_clamped(kNan, -32, 31), 0);
  EXPECT_EQ(round_clamped(-kNan, -32, 31), 0);
}

TEST(TruncateCapped, CapsAndGivesZeroForWhatIsNotFinite) {
  EXPECT_EQ(truncate_capped(0.99F, 15), 0);
  EXPECT_EQ(truncate_capped(7.99F, 15), 7);
  EXPECT_EQ(truncate_capped(16.5F, 15), 15);
  EXPECT_EQ(truncate_capped(kInf, 15), 0);
  EXPECT_EQ(truncate_capped(-kInf, 15), 0);
  EXPECT_EQ(truncate_capped(kNan, 15), 0);
}

TEST(NearestIq4Code, IsTheClosestValueByExhaustiveSearch) {
  for (int i = -1400; i <= 1300; ++i) {
    const float v = static_cast<float>(i) / 10 + 0.03F;  // off the midpoints
    int best = 0;
    for (int c = 1; c < 16; ++c) {
      if (std::abs(v - static_cast<float>(kIq4Values[c])) <
          std::abs(v - static_cast<float>(kIq4Values[best]))) {
        best = c;
      }
    }
    EXPECT_EQ(nearest_iq4_code(v), best) << v;
  }
  EXPECT_EQ(nearest_iq4_code(-115.5F), 1) << "a tie goes to the larger value";
  EXPECT_EQ(nearest_iq4_code(kNan), 0);
}

}  // namespace
}  // namespace mote::codec
