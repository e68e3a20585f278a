#include "quantize/equivalent/awq.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace mote::quantize {
namespace {

TEST(Awq, MagnitudesAreRelativeToTheLargestOfTheGroup) {
  // Two rows, groups of two columns.
  const std::vector<float> rows{1.0F,  -4.0F, 0.0F, 0.0F,  //
                                -3.0F, 2.0F,  5.0F, -1.0F};
  const std::vector<double> found = relative_magnitudes(rows, 4, 2);
  ASSERT_EQ(found.size(), 4U);
  EXPECT_NEAR(found[0], (0.25 + 1.0) / 2, 1e-7);
  EXPECT_NEAR(found[1], (1.0 + 2.0 / 3.0) / 2, 1e-7);
  EXPECT_NEAR(found[2], 0.5, 1e-7);  // a group of zeros counts 0
  EXPECT_NEAR(found[3], 0.1, 1e-7);
}

// The paper's code, equation by equation: s = x^r / (w^(1-r) + 1e-4), clamped, over sqrt(max * min).
TEST(Awq, FactorsAreThoseOfTheEquation) {
  const std::vector<double> x{0.5, 2.0, 8.0};
  const std::vector<double> w{0.5, 0.25, 0.125};
  const double r = 0.25;
  std::vector<double> raw;
  for (std::size_t c = 0; c < 3; ++c) raw.push_back(std::pow(x[c], r) / (std::pow(w[c], 1 - r) + 1e-4));
  const double middle = std::sqrt(raw[2] * raw[0]);  // the largest and the least
  const std::vector<float> found = awq_factors(x, w, r);
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(found[c], raw[c] / middle, 1e-6) << c;
  EXPECT_LT(raw[0], raw[1]);
  EXPECT_LT(raw[1], raw[2]);
}

TEST(Awq, ChannelsThatAreAlwaysZeroHaveFactorsToo) {
  const std::vector<double> x{0.0, 3.0};
  const std::vector<double> w{0.0, 0.5};
  for (const double r : {0.0, 0.5, 0.95}) {
    for (const float f : awq_factors(x, w, r)) {
      EXPECT_TRUE(std::isfinite(f)) << r;
      EXPECT_GT(f, 0.0F) << r;
    }
  }
}

}  // namespace
}  // namespace mote::quantize
