#include "engine/experts.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace mote::engine {
namespace {

TEST(ChooseExperts, TakesTheMostLikelyWithTheirSoftmax) {
  std::array<float, 5> logits{1.0F, 3.0F, -2.0F, 2.0F, 0.0F};
  double total = 0;
  for (const float x : logits) total += std::exp(static_cast<double>(x));
  std::array<std::uint32_t, 2> chosen{};
  std::array<float, 2> weights{};
  choose_experts(logits, false, chosen, weights);
  EXPECT_EQ(chosen, (std::array<std::uint32_t, 2>{1, 3}));
  EXPECT_NEAR(static_cast<double>(weights[0]), std::exp(3.0) / total, 1e-6);
  EXPECT_NEAR(static_cast<double>(weights[1]), std::exp(2.0) / total, 1e-6);
}

TEST(ChooseExperts, NormalizedWeightsAddUpToOne) {
  std::array<float, 4> logits{0.5F, 0.25F, 100.0F, 99.0F};
  std::array<std::uint32_t, 2> chosen{};
  std::array<float, 2> weights{};
  choose_experts(logits, true, chosen, weights);
  EXPECT_EQ(chosen, (std::array<std::uint32_t, 2>{2, 3}));
  EXPECT_NEAR(static_cast<double>(weights[0]), 1 / (1 + std::exp(-1.0)), 1e-6);
  EXPECT_NEAR(static_cast<double>(weights[0] + weights[1]), 1.0, 1e-6);
}

TEST(ChooseExperts, TheLowerIndexComesFirstAmongEquals) {
  std::array<float, 4> logits{1.0F, 2.0F, 2.0F, 2.0F};
  std::array<std::uint32_t, 3> chosen{};
  std::array<float, 3> weights{};
  choose_experts(logits, true, chosen, weights);
  EXPECT_EQ(chosen, (std::array<std::uint32_t, 3>{1, 2, 3}));
}

TEST(ChooseExperts, StaysInRangeWithoutNumbers) {
  std::array<float, 3> logits{};
  logits.fill(std::numeric_limits<float>::quiet_NaN());
  std::array<std::uint32_t, 3> chosen{};
  std::array<float, 3> weights{};
  choose_experts(logits, true, chosen, weights);
  for (const std::uint32_t e : chosen) EXPECT_LT(e, 3U);
}

}  // namespace
}  // namespace mote::engine
