#include "measure/windows.h"

#include <gtest/gtest.h>

#include <numeric>

namespace mote::measure {
namespace {

std::vector<std::int32_t> counting(std::size_t n) {
  std::vector<std::int32_t> tokens(n);
  std::iota(tokens.begin(), tokens.end(), 100);
  return tokens;
}

TEST(PlanWindows, LlamaReplacesTheFirstTokenOfEachWindowAndScoresTheSecondHalf) {
  const auto plan = plan_windows(counting(35), Protocol::llama, 8, 1, 0);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->windows.size(), 4U);  // three tokens of tail are dropped
  EXPECT_EQ(plan->windows[1], (std::vector<std::int32_t>{1, 109, 110, 111, 112, 113, 114, 115}));
  EXPECT_EQ(plan->first_scored, 4U);
  EXPECT_EQ(plan->scored_per_window(), 3U);  // n_ctx - 1 - n_ctx / 2
}

TEST(PlanWindows, LlamaScores255OfEach512) {
  const auto plan = plan_windows(counting(1024), Protocol::llama, 512, std::nullopt, 0);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->scored_per_window(), 255U);
  EXPECT_EQ(plan->windows[1][0], 100 + 512);  // no BOS, nothing replaced
}

TEST(PlanWindows, HuggingFaceScoresAllPredictionsAndReplacesNothing) {
  const auto plan = plan_windows(counting(20), Protocol::hf, 8, 1, 0);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->windows[1][0], 108);
  EXPECT_EQ(plan->first_scored, 0U);
  EXPECT_EQ(plan->scored(), 14U);
}

TEST(PlanWindows, TakesAtMostTheWindowsAskedFor) {
  const auto plan = plan_windows(counting(100), Protocol::llama, 8, 1, 2);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->windows.size(), 2U);
}

TEST(PlanWindows, RefusesTextsAndContextsThatLeaveNothingToScore) {
  const auto text = plan_windows(counting(15), Protocol::llama, 8, 1, 0);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code.name, "MEASURE_TEXT_SHORT");
  const auto context = plan_windows(counting(15), Protocol::hf, 3, 1, 0);
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().code.name, "MEASURE_CONTEXT");
}

TEST(PlanWindows, DigestChangesWithAnyTokenAndSetting) {
  auto tokens = counting(32);
  const auto base = plan_windows(tokens, Protocol::llama, 8, 1, 0);
  const auto shorter = plan_windows(tokens, Protocol::llama, 8, 1, 2);
  const auto other_bos = plan_windows(tokens, Protocol::llama, 8, 2, 0);
  const auto hf = plan_windows(tokens, Protocol::hf, 8, 1, 0);
  tokens[13] += 1;
  const auto other_token = plan_windows(tokens, Protocol::llama, 8, 1, 0);
  for (const auto* plan : {&shorter, &other_bos, &hf, &other_token})
    EXPECT_NE((*plan)->digest(), base->digest());
}

TEST(Protocol, NamesGoBothWays) {
  EXPECT_EQ(parse_protocol("hf"), Protocol::hf);
  EXPECT_EQ(parse_protocol(to_string(Protocol::llama)), Protocol::llama);
  EXPECT_FALSE(parse_protocol("gptq"));
}

}  // namespace
}  // namespace mote::measure
