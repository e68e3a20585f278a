#include "engine/draft/draft_pace.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mote::engine {
namespace {

// A pace that has seen what steps cost (in steps of one token) and drafts of 8 tokens that ended after
// `right` of them.
DraftPace pace_of(double token_cost, std::size_t right, std::size_t most = kMostDraft) {
  DraftPace pace(most);
  for (std::size_t n = 1; n <= kMostDraft + 1; ++n)
    pace.saw_step(n, 0.010 * (1 + token_cost * static_cast<double>(n - 1)));
  for (int i = 0; i < 100; ++i) pace.saw_draft(0, right, right < 8);
  return pace;
}

TEST(DraftPace, ChecksLongDraftsWhereTheyAreRightAndShortOnesWhereTheyAreNot) {
  EXPECT_EQ(pace_of(0.05, 8).choose(0, 15), 15U);
  EXPECT_EQ(pace_of(0.05, 0).choose(0, 15), 0U);
  const std::size_t some = pace_of(0.05, 3).choose(0, 15);
  EXPECT_GT(some, 1U);
  EXPECT_LT(some, 15U);
}

TEST(DraftPace, ChecksNothingWhereATokenMoreCostsAsMuchAsAStep) {
  for (const std::size_t right : {0U, 3U, 8U}) EXPECT_EQ(pace_of(1.0, right).choose(0, 15), 0U);
}

TEST(DraftPace, TakesTheBestOfAllLengths) {
  for (const double cost : {0.02, 0.1, 0.3, 0.6}) {
    for (const std::size_t right : {1U, 2U, 4U, 7U}) {
      const DraftPace pace = pace_of(cost, right);
      const double p = pace.acceptance(0);
      // Mean tokens of a step in closed form: (1 - p^(k+1)) / (1 - p).
      const auto speed = [&](std::size_t k) {
        const double n = static_cast<double>(k) + 1;
        return (1 - std::pow(p, n)) / (1 - p) / (1 + cost * (n - 1));
      };
      const std::size_t chosen = pace.choose(0, 15);
      for (std::size_t k = 0; k <= 15; ++k) {
        // Plain generation stays where nothing is a twentieth faster.
        EXPECT_GE(chosen > 0 ? speed(chosen) : 1.05, speed(k) - 1e-9) << cost << " " << right << " " << k;
      }
    }
  }
}

TEST(DraftPace, ObeysItsBounds) {
  EXPECT_EQ(pace_of(0.05, 8).choose(0, 4), 4U);
  EXPECT_EQ(pace_of(0.05, 8, 6).choose(0, 15), 6U);
  EXPECT_EQ(pace_of(0.05, 8).choose(0, 0), 0U);
  EXPECT_EQ(DraftPace(100).choose(0, 100), DraftPace(kMostDraft).choose(0, 100));
}

TEST(DraftPace, GradesAreCountedApart) {
  DraftPace pace = pace_of(0.05, 8);
  for (int i = 0; i < 100; ++i) pace.saw_draft(1, 0, true);
  EXPECT_GT(pace.choose(0, 8), 0U);
  EXPECT_EQ(pace.choose(1, 8), 0U);
}

TEST(DraftPace, ForgetsOldDrafts) {
  DraftPace pace = pace_of(0.1, 8);
  for (int i = 0; i < 40; ++i) pace.saw_draft(0, 0, true);
  EXPECT_EQ(pace.choose(0, 8), 0U);
  for (int i = 0; i < 40; ++i) pace.saw_draft(0, 8, false);
  EXPECT_GT(pace.choose(0, 8), 0U);
}

TEST(DraftPace, TheCostOfAStepIsMeasuredOrLiesBetweenItsNeighbours) {
  DraftPace pace(kMostDraft);
  pace.saw_step(1, 0.010);
  pace.saw_step(4, 0.012);
  pace.saw_step(9, 0.013);
  EXPECT_DOUBLE_EQ(pace.cost(1), 1.0);
  EXPECT_DOUBLE_EQ(pace.cost(4), 1.2);
  EXPECT_DOUBLE_EQ(pace.cost(9), 1.3);
  EXPECT_GT(pace.cost(5), 1.2);
  EXPECT_LE(pace.cost(8), 1.3);
  EXPECT_GT(pace.cost(12), 1.3);
}

TEST(DraftPace, ADraftThatCostsMoreThanItBringsIsNotMade) {
  DraftPace pace = pace_of(0.05, 3);
  EXPECT_GT(pace.choose(0, 8), 0U);
  pace.saw_proposal(4, 4 * 0.010);  // as much per token as a step of the model
  EXPECT_EQ(pace.choose(0, 8), 0U);
}

}  // namespace
}  // namespace mote::engine
