#include "quantize/allocate/knapsack.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace mote::quantize {
namespace {

using Items = std::vector<std::vector<Candidate>>;

struct Found {
  std::uint64_t bytes = 0;
  double cost = 0;
};

Found of(const Items& items, const std::vector<std::size_t>& chosen) {
  Found f;
  for (std::size_t i = 0; i < items.size(); ++i) {
    f.bytes += items[i][chosen[i]].bytes;
    f.cost += items[i][chosen[i]].cost;
  }
  return f;
}

// All combinations.
std::optional<double> least_cost(const Items& items, std::uint64_t budget) {
  double best = std::numeric_limits<double>::infinity();
  std::vector<std::size_t> at(items.size(), 0);
  for (;;) {
    const Found f = of(items, at);
    if (f.bytes <= budget) best = std::min(best, f.cost);
    std::size_t i = 0;
    while (i < at.size() && ++at[i] == items[i].size()) at[i++] = 0;
    if (i == at.size()) break;
  }
  if (best == std::numeric_limits<double>::infinity()) return std::nullopt;
  return best;
}

Items random_items(Rng& rng, std::uint64_t unit) {
  Items items(2 + rng.next_below(5));
  for (auto& item : items) {
    const std::size_t count = 1 + rng.next_below(4);
    for (std::size_t c = 0; c < count; ++c) {
      item.push_back({unit * (1 + rng.next_below(40)), rng.next_double()});
    }
  }
  return items;
}

TEST(Knapsack, EqualsTheBestOfAllCombinations) {
  Rng rng(7);
  for (int round = 0; round < 500; ++round) {
    const Items items = random_items(rng, 18);
    const std::uint64_t budget = 18 * rng.next_below(40 * items.size());
    const auto best = least_cost(items, budget);
    const auto chosen = choose_within(items, budget);
    ASSERT_EQ(chosen.has_value(), best.has_value()) << round;
    if (!chosen) continue;
    EXPECT_LE(of(items, *chosen).bytes, budget) << round;
    EXPECT_NEAR(of(items, *chosen).cost, *best, 1e-12) << round;
  }
}

// Sizes without a common divisor and a budget far above the units: never over, and never worse than what
// rounding an item up by a unit can cost.
TEST(Knapsack, NeverExceedsTheBudgetWhereUnitsAreRounded) {
  Rng rng(8);
  for (int round = 0; round < 20; ++round) {
    Items items = random_items(rng, 1'000'003);
    for (auto& item : items) {
      for (Candidate& c : item) c.bytes += rng.next_below(1000);
    }
    const std::uint64_t budget = 1'000'003 * (10 + rng.next_below(30 * items.size()));
    const auto chosen = choose_within(items, budget);
    const auto best = least_cost(items, budget);
    ASSERT_EQ(chosen.has_value(), best.has_value());
    if (!chosen) continue;
    EXPECT_LE(of(items, *chosen).bytes, budget);
    const std::uint64_t lost = items.size() * (budget / (std::uint64_t{1} << 17) + 1);
    const auto tighter = least_cost(items, budget - lost);
    if (tighter) {
      EXPECT_LE(of(items, *chosen).cost, *tighter + 1e-12);
    }
  }
}

TEST(Knapsack, SaysWhereNothingFits) {
  const Items items{{{100, 1.0}, {50, 2.0}}, {{60, 1.0}}};
  EXPECT_FALSE(choose_within(items, 109));
  ASSERT_TRUE(choose_within(items, 110));
  EXPECT_EQ(*choose_within(items, 110), (std::vector<std::size_t>{1, 0}));
  EXPECT_EQ(*choose_within(items, 160), (std::vector<std::size_t>{0, 0}));
}

}  // namespace
}  // namespace mote::quantize
