#include "engine/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/select.h"

namespace mote::engine {
namespace {

// Equation 15 of the paper for one pair: (a, b) turned by m * base^(-2i/d).
void expect_turned(const model::RopeSpec& spec, std::size_t position, double divide_by) {
  const Rope rope(spec);
  const auto table = kernels::select_kernels({});
  ASSERT_TRUE(table);
  std::vector<float> head(spec.dims + 4);
  for (std::size_t i = 0; i < head.size(); ++i) head[i] = 0.5F + static_cast<float>(i);
  std::vector<float> before = head;
  std::vector<float> angles(spec.dims);
  rope.angles(position, angles.data());
  rope.apply(*table, angles.data(), head.data(), 1, head.size());
  for (std::size_t i = 0; i < spec.dims / 2; ++i) {
    const bool adjacent = spec.pairs == model::RopePairs::adjacent;
    const std::size_t a = adjacent ? 2 * i : i;
    const std::size_t b = adjacent ? 2 * i + 1 : i + spec.dims / 2;
    const double divisor = spec.divisors.empty() ? divide_by : static_cast<double>(spec.divisors[i]);
    const double angle = static_cast<double>(position) *
                         std::pow(spec.base, -2.0 * static_cast<double>(i) / spec.dims) / divisor;
    const auto x = static_cast<double>(before[a]);
    const auto y = static_cast<double>(before[b]);
    EXPECT_NEAR(static_cast<double>(head[a]), x * std::cos(angle) - y * std::sin(angle), 1e-4 * 40);
    EXPECT_NEAR(static_cast<double>(head[b]), x * std::sin(angle) + y * std::cos(angle), 1e-4 * 40);
  }
  for (std::size_t i = spec.dims; i < head.size(); ++i)
    EXPECT_EQ(head[i], before[i]) << "past the turning part";
}

TEST(Rope, TurnsAdjacentPairs) {
  expect_turned({.pairs = model::RopePairs::adjacent,
                 .dims = 16,
                 .short_divisors = {},
                 .long_divisors = {},
                 .divisors = {}},
                77, 1.0);
}

TEST(Rope, TurnsHalves) {
  expect_turned({.pairs = model::RopePairs::halves,
                 .base = 1e6,
                 .dims = 32,
                 .short_divisors = {},
                 .long_divisors = {},
                 .divisors = {}},
                300, 1.0);
}

TEST(Rope, DividesFrequenciesByTheLinearFactor) {
  expect_turned({.pairs = model::RopePairs::halves,
                 .dims = 8,
                 .scaling = model::RopeScaling::linear,
                 .factor = 4.0,
                 .short_divisors = {},
                 .long_divisors = {},
                 .divisors = {}},
                50, 4.0);
}

TEST(Rope, DividesEachFrequencyByItsOwnDivisor) {
  expect_turned({.pairs = model::RopePairs::adjacent,
                 .dims = 8,
                 .short_divisors = {},
                 .long_divisors = {},
                 .divisors = {1, 2, 4, 8}},
                50, 1.0);
}

// Angles of position 1 times the attention factor are the frequencies: cosines come first.
double frequency(const Rope& rope, std::size_t pair, double magnitude) {
  std::vector<float> angles(2 * rope.pairs());
  rope.angles(1, angles.data());
  return std::asin(static_cast<double>(angles[rope.pairs() + pair]) / magnitude);
}

// Section 3.2 of the YaRN paper: the ramp over r(d) = L / wavelength, here between whole pairs as
// transformers rounds them; pairs of short waves stay, pairs of long waves are divided by the factor.
TEST(Rope, YarnKeepsShortWavesAndDividesLongOnes) {
  const model::RopeSpec spec{.base = 10000.0,
                             .dims = 64,
                             .scaling = model::RopeScaling::yarn,
                             .factor = 4.0,
                             .original_context = 512,
                             .attention_factor = 1.25,
                             .short_divisors = {},
                             .long_divisors = {},
                             .divisors = {}};
  const Rope rope(spec);
  double last = 1.0;
  for (std::size_t i = 1; i < 32; ++i) {
    const double own = std::pow(10000.0, -static_cast<double>(i) / 32);
    const double turns = 512 * own / (2 * M_PI);  // in the original context
    const double kept = frequency(rope, i, 1.25) / own;
    const double next = 512 * std::pow(10000.0, -static_cast<double>(i + 1) / 32) / (2 * M_PI);
    if (turns > 32) {
      EXPECT_NEAR(kept, 1.0, 1e-5) << i;
    }
    if (turns < 1 && next < 1 && 512 * std::pow(10000.0, -static_cast<double>(i - 1) / 32) / (2 * M_PI) < 1) {
      EXPECT_NEAR(kept, 0.25, 1e-5) << i;
    }
    EXPECT_LE(kept, last + 1e-5) << i;
    last = kept;
  }
}

TEST(Rope, LongropeChoosesDivisorsByTheContextOfTheSession) {
  const model::RopeSpec spec{.base = 100.0,
                             .dims = 4,
                             .scaling = model::RopeScaling::longrope,
                             .original_context = 64,
                             .short_divisors = {2, 2},
                             .long_divisors = {2, 8},
                             .divisors = {}};
  EXPECT_NEAR(frequency(Rope(spec, 64), 1, 1.0), 0.1 / 2, 1e-6);
  EXPECT_NEAR(frequency(Rope(spec, 65), 1, 1.0), 0.1 / 8, 1e-6);
}

}  // namespace
}  // namespace mote::engine
