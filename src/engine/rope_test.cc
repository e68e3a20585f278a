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
  expect_turned({.pairs = model::RopePairs::adjacent, .dims = 16, .divisors = {}}, 77, 1.0);
}

TEST(Rope, TurnsHalves) {
  expect_turned({.pairs = model::RopePairs::halves, .base = 1e6, .dims = 32, .divisors = {}}, 300, 1.0);
}

TEST(Rope, DividesFrequenciesByTheLinearFactor) {
  expect_turned({.pairs = model::RopePairs::halves,
                 .dims = 8,
                 .scaling = model::RopeScaling::linear,
                 .factor = 4.0,
                 .divisors = {}},
                50, 4.0);
}

TEST(Rope, DividesEachFrequencyByItsOwnDivisor) {
  expect_turned({.pairs = model::RopePairs::adjacent, .dims = 8, .divisors = {1, 2, 4, 8}}, 50, 1.0);
}

}  // namespace
}  // namespace mote::engine
