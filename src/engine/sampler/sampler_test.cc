#include "mote/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"

namespace mote::engine {
namespace {

using ::testing::HasSubstr;

constexpr float kMasked = -std::numeric_limits<float>::infinity();

// Every stage off.
SamplerOptions plain() {
  SamplerOptions options;
  options.temperature = 1;
  options.top_k = 0;
  options.top_p = 1;
  options.min_p = 0;
  options.penalty_last_n = 0;
  return options;
}

Sampler make(const SamplerOptions& options, std::size_t vocabulary) {
  auto sampler = Sampler::create(options, vocabulary);
  EXPECT_TRUE(sampler) << sampler.error().message;
  return std::move(*sampler);
}

std::vector<float> random_logits(std::size_t count, std::uint64_t seed, double spread = 2) {
  Rng rng(seed);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = static_cast<float>(spread * rng.next_normal());
  return logits;
}

// --- The equations, written down again without any care for speed.

using Distribution = std::map<TokenId, double>;

Distribution softmax(const std::map<TokenId, double>& logits, double temperature = 1) {
  double highest = -1e300;
  for (const auto& [id, logit] : logits) highest = std::max(highest, logit);
  Distribution p;
  double sum = 0;
  for (const auto& [id, logit] : logits) sum += p[id] = std::exp((logit - highest) / temperature);
  for (auto& [id, value] : p) value /= sum;
  return p;
}

std::vector<std::pair<double, TokenId>> ranked(const Distribution& p) {
  std::vector<std::pair<double, TokenId>> order;
  for (const auto& [id, value] : p) order.emplace_back(-value, id);
  std::ranges::sort(order);
  return order;
}

using Kept = std::map<TokenId, double>;  // id -> logit

Kept only(const Kept& all, const std::set<TokenId>& ids) {
  Kept kept;
  for (const TokenId id : ids) kept[id] = all.at(id);
  return kept;
}

Kept expected_set(const std::vector<float>& logits, const SamplerOptions& o) {
  Kept kept;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (std::isfinite(logits[i])) kept[static_cast<TokenId>(i)] = static_cast<double>(logits[i]);
  }
  const auto cut = [&](const auto& order, auto&& done) {
    std::set<TokenId> ids;
    double sum = 0;
    const Distribution p = softmax(kept);
    for (const auto& [key, id] : order) {
      ids.insert(id);
      sum += p.at(id);
      if (done(sum, ids.size()) && ids.size() >= o.min_keep) break;
    }
    kept = only(kept, ids);
  };
  if (o.top_k > 0) {
    cut(ranked(softmax(kept)), [&](double, std::size_t n) { return n >= static_cast<std::size_t>(o.top_k); });
  }
  if (o.typical_p < 1) {
    const Distribution p = softmax(kept);
    double entropy = 0;
    for (const auto& [id, value] : p) entropy -= value * std::log(value);
    std::vector<std::pair<double, TokenId>> order;
    for (const auto& [id, value] : p) order.emplace_back(std::abs(-std::log(value) - entropy), id);
    std::ranges::sort(order);
    cut(order, [&](double sum, std::size_t) { return sum >= o.typical_p; });
  }
  if (o.top_p < 1) {
    cut(ranked(softmax(kept)), [&](double sum, std::size_t) { return sum >= o.top_p; });
  }
  if (o.min_p > 0) {
    const Distribution p = softmax(kept);
    const auto order = ranked(p);
    std::set<TokenId> ids;
    for (const auto& [minus, id] : order) {
      if (ids.size() < o.min_keep || -minus >= o.min_p * -order[0].first) ids.insert(id);
    }
    kept = only(kept, ids);
  }
  return kept;
}

// Pearson's statistic of `draws` samples against `p`; cells below 5 expected counts are pooled.
void expect_frequencies(Sampler& sampler, const std::vector<float>& logits, const Distribution& p,
                        int draws) {
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) {
    const auto token = sampler.sample(logits);
    ASSERT_TRUE(token) << token.error().message;
    ASSERT_TRUE(p.contains(*token)) << "token " << *token << " should have been cut";
    ++counts[*token];
  }
  double statistic = 0;
  double pooled_expected = 0;
  double pooled = 0;
  int cells = 0;
  for (const auto& [id, probability] : p) {
    const double expected = probability * draws;
    if (expected < 5) {
      pooled_expected += expected;
      pooled += counts[id];
      continue;
    }
    statistic += (counts[id] - expected) * (counts[id] - expected) / expected;
    ++cells;
  }
  if (pooled_expected >= 5) {
    statistic += (pooled - pooled_expected) * (pooled - pooled_expected) / pooled_expected;
    ++cells;
  }
  // Mean and variance of chi-square with f degrees of freedom are f and 2f; 5 deviations and a little skew.
  const double freedom = std::max(cells - 1, 1);
  EXPECT_LT(statistic, freedom + 5 * std::sqrt(2 * freedom) + 8);
}

TEST(Sampler, DrawsWithTheProbabilitiesOfTheSoftmaxAtTheTemperature) {
  const std::vector<float> logits = random_logits(12, 1);
  for (const double temperature : {0.5, 1.0, 2.0}) {
    SamplerOptions options = plain();
    options.temperature = temperature;
    Sampler sampler = make(options, logits.size());
    expect_frequencies(sampler, logits, softmax(expected_set(logits, options), temperature), 20'000);
  }
}

TEST(Sampler, EveryStageKeepsTheSetOfItsEquation) {
  std::uint64_t seed = 10;
  for (const std::size_t vocabulary : {1UL, 2UL, 7UL, 50UL, 400UL}) {
    for (int variant = 0; variant < 24; ++variant) {
      SamplerOptions options = plain();
      if (variant % 2 == 1) options.top_k = static_cast<std::int32_t>(1 + variant);
      if (variant % 3 == 1) options.top_p = 0.1 + 0.035 * variant;
      if (variant % 4 == 2) options.min_p = 0.02 * variant;
      if (variant % 5 == 3) options.typical_p = 0.2 + 0.03 * variant;
      if (variant % 7 == 4) options.min_keep = std::min<std::size_t>(4, vocabulary);
      std::vector<float> logits = random_logits(vocabulary, ++seed);
      if (vocabulary > 7) logits[3] = kMasked;
      if (vocabulary > 7) logits[5] = logits[6];  // a tie
      const Kept expected = expected_set(logits, options);
      options.seed = seed;
      Sampler sampler = make(options, vocabulary);
      std::set<TokenId> seen;
      for (int i = 0; i < 300; ++i) {
        const auto token = sampler.sample(logits);
        ASSERT_TRUE(token);
        ASSERT_TRUE(expected.contains(*token)) << "variant " << variant << " of " << vocabulary;
        seen.insert(*token);
      }
      // What has a fair share must turn up.
      for (const auto& [id, p] : softmax(expected)) {
        EXPECT_TRUE(p < 0.05 || seen.contains(id))
            << "variant " << variant << ", token " << id << ", p " << p;
      }
    }
  }
}

TEST(Sampler, FrequenciesAfterAllCutsTogetherFit) {
  const std::vector<float> logits = random_logits(200, 77);
  SamplerOptions options;  // the defaults
  options.typical_p = 0.95;
  Sampler sampler = make(options, logits.size());
  expect_frequencies(sampler, logits, softmax(expected_set(logits, options), options.temperature), 20'000);
}

TEST(Sampler, LargeTopKSelectsTheSameAsASort) {
  const std::vector<float> logits = random_logits(5000, 3);
  for (const std::int32_t k : {1, 40, 1024, 1025, 4999, 6000}) {
    SamplerOptions options = plain();
    options.top_k = k;
    options.temperature = 100;  // nearly uniform, so that all of the set is seen
    Sampler sampler = make(options, logits.size());
    const Kept expected = expected_set(logits, options);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(expected.contains(*sampler.sample(logits))) << k;
  }
}

TEST(Sampler, TemperatureZeroTakesTheHighestAndTheLowerIdOnATie) {
  SamplerOptions options;
  options.temperature = 0;
  Sampler sampler = make(options, 4);
  EXPECT_EQ(*sampler.sample(std::vector<float>{1, 5, 2, 5}), 1);
  EXPECT_EQ(*sampler.sample(std::vector<float>{kMasked, kMasked, -3, -4}), 2);
}

TEST(Sampler, TopKOneKeepsTheLowerIdOfATie) {
  SamplerOptions options = plain();
  options.top_k = 1;
  Sampler sampler = make(options, 4);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(*sampler.sample(std::vector<float>{0, 7, 7, 7}), 1);
}

TEST(Sampler, TheSameSeedGivesTheSameTokensAndResetStartsAgain) {
  const std::vector<float> logits = random_logits(100, 5);
  SamplerOptions options;
  options.seed = 42;
  Sampler a = make(options, 100);
  Sampler b = make(options, 100);
  std::vector<TokenId> first;
  for (int i = 0; i < 50; ++i) {
    first.push_back(*a.sample(logits));
    EXPECT_EQ(first.back(), *b.sample(logits));
  }
  a.reset();
  for (const TokenId token : first) EXPECT_EQ(*a.sample(logits), token);
  options.seed = 43;
  Sampler c = make(options, 100);
  std::vector<TokenId> other;
  for (int i = 0; i < 50; ++i) other.push_back(*c.sample(logits));
  EXPECT_NE(first, other);
}

// Greedy picks reveal the changed logits: a token wins against a probe token of known logit, or not.
float logit_after_penalties(SamplerOptions options, const std::vector<TokenId>& history, TokenId token,
                            float logit) {
  options.temperature = 0;
  float low = -1000;
  float high = 1000;
  for (int i = 0; i < 60; ++i) {
    const float middle = (low + high) / 2;
    Sampler sampler = make(options, 64);
    for (const TokenId earlier : history) sampler.accept(earlier);
    std::vector<float> logits(64, kMasked);
    logits[static_cast<std::size_t>(token)] = logit;
    logits[63] = middle;
    (*sampler.sample(logits) == token ? low : high) = middle;
  }
  return low;
}

TEST(Sampler, RepetitionFrequencyAndPresenceFollowTheirEquations) {
  SamplerOptions options = plain();
  options.penalty_last_n = 4;
  options.repetition_penalty = 1.5;
  options.frequency_penalty = 0.25;
  options.presence_penalty = 0.5;
  // In the last four of these, 7 is there twice, 9 once and 5 no more.
  const std::vector<TokenId> history{5, 5, 7, 9, 7, 8};
  EXPECT_NEAR(logit_after_penalties(options, history, 7, 3.0F), 3.0 / 1.5 - 2 * 0.25 - 0.5, 1e-4);
  EXPECT_NEAR(logit_after_penalties(options, history, 9, -3.0F), -3.0 * 1.5 - 0.25 - 0.5, 1e-4);
  EXPECT_NEAR(logit_after_penalties(options, history, 5, 3.0F), 3.0, 1e-4);
  options.penalty_last_n = -1;
  EXPECT_NEAR(logit_after_penalties(options, history, 5, 3.0F), 3.0 / 1.5 - 2 * 0.25 - 0.5, 1e-4);
}

// DRY by its description: every earlier place whose preceding tokens equal the last ones, the longest counts.
double dry_penalty(const std::vector<TokenId>& history, TokenId token, const SamplerOptions& o) {
  std::size_t since_breaker = history.size();
  for (std::size_t i = history.size(); i-- > 0;) {
    for (const auto& breaker : o.dry_sequence_breakers) {
      if (breaker.size() == 1 && history[i] == breaker[0]) {
        since_breaker = std::min(since_breaker, history.size() - 1 - i);
      }
    }
  }
  std::size_t longest = 0;
  for (std::size_t at = 0; at < history.size(); ++at) {
    if (history[at] != token) continue;
    std::size_t length = 0;
    while (length < at && history[at - 1 - length] == history[history.size() - 1 - length]) ++length;
    longest = std::max(longest, std::min(length, since_breaker));
  }
  const std::size_t allowed = static_cast<std::size_t>(o.dry_allowed_length);
  return longest < allowed ? 0
                           : o.dry_multiplier * std::pow(o.dry_base, static_cast<double>(longest - allowed));
}

TEST(Sampler, DryPunishesTheTokenThatWouldContinueARepeat) {
  SamplerOptions options = plain();
  options.dry_multiplier = 0.8;
  Rng rng(9);
  for (int round = 0; round < 40; ++round) {
    options.dry_allowed_length = 1 + round % 3;
    options.dry_sequence_breakers =
        round % 2 == 0 ? std::vector<std::vector<TokenId>>{} : std::vector<std::vector<TokenId>>{{4}};
    std::vector<TokenId> history;
    const std::size_t length = rng.next_below(40);
    for (std::size_t i = 0; i < length; ++i)
      history.push_back(static_cast<TokenId>(rng.next_below(round % 5 == 0 ? 2 : 5)));
    for (TokenId token = 0; token < 4; ++token) {
      EXPECT_NEAR(logit_after_penalties(options, history, token, 1.0F),
                  1.0 - dry_penalty(history, token, options), 1e-3)
          << "round " << round << ", token " << token;
    }
  }
}

TEST(Sampler, DryLeavesBreakersAloneAndStopsAtBreakersOfSeveralTokens) {
  SamplerOptions options = plain();
  options.dry_multiplier = 1;
  options.dry_sequence_breakers = {{3}};
  EXPECT_NEAR(logit_after_penalties(options, {1, 2, 3, 1, 2}, 3, 1.0F), 1.0, 1e-4);
  options.dry_sequence_breakers = {};
  EXPECT_NEAR(logit_after_penalties(options, {1, 2, 3, 1, 2}, 3, 1.0F), 0.0, 1e-4);
  // "8 9" breaks: only the 2 after it may count as repeated, which is below the allowed length.
  const std::vector<TokenId> history{8, 9, 2, 5, 8, 9, 2};
  EXPECT_LT(logit_after_penalties(options, history, 5, 1.0F), 0.1);
  options.dry_sequence_breakers = {{8, 9}};
  EXPECT_NEAR(logit_after_penalties(options, history, 5, 1.0F), 1.0, 1e-4);
}

TEST(Sampler, AVeryLongRepeatStaysFinite) {
  SamplerOptions options = plain();
  options.dry_multiplier = 100;
  options.dry_base = 100;
  Sampler sampler = make(options, 4);
  for (int i = 0; i < 5000; ++i) sampler.accept(1);
  EXPECT_EQ(*sampler.sample(std::vector<float>{kMasked, 3, kMasked, kMasked}), 1);
}

TEST(Sampler, XtcRemovesAllButTheLeastOfTheTopChoices) {
  // p = 0.4, 0.3, 0.2, 0.1
  const std::vector<float> logits{std::log(0.4F), std::log(0.3F), std::log(0.2F), std::log(0.1F)};
  SamplerOptions options = plain();
  options.xtc_probability = 1;
  options.xtc_threshold = 0.15;
  Sampler always = make(options, 4);
  expect_frequencies(always, logits, {{2, 2.0 / 3}, {3, 1.0 / 3}}, 5000);
  options.xtc_threshold = 0.35;  // one token only: nothing to remove
  Sampler lonely = make(options, 4);
  expect_frequencies(lonely, logits, {{0, 0.4}, {1, 0.3}, {2, 0.2}, {3, 0.1}}, 5000);
  options.xtc_threshold = 0.15;
  options.xtc_probability = 0.5;
  Sampler half = make(options, 4);
  expect_frequencies(half, logits, {{0, 0.2}, {1, 0.15}, {2, 0.1 + 1.0 / 3}, {3, 0.05 + 1.0 / 6}}, 10'000);
}

TEST(Sampler, LogitsThatAreNoNumbersAreErrors) {
  Sampler sampler = make(SamplerOptions{}, 3);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto result = sampler.sample(std::vector<float>{1, bad, 2});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code.name, "SAMPLER_LOGITS");
    EXPECT_THAT(result.error().message, HasSubstr("token 1"));
  }
  EXPECT_FALSE(sampler.sample(std::vector<float>{kMasked, kMasked, kMasked}));
  EXPECT_FALSE(sampler.sample(std::vector<float>{1, 2}));
}

TEST(Sampler, OptionsOutOfRangeAreNamedWithValueAndRange) {
  const auto message = [](auto&& change) {
    SamplerOptions options;
    change(options);
    const auto sampler = Sampler::create(options, 100);
    return sampler ? std::string() : sampler.error().message;
  };
  EXPECT_THAT(message([](SamplerOptions& o) { o.temperature = -1; }),
              HasSubstr("temperature is -1, expected a value in [0, 100]"));
  EXPECT_THAT(message([](SamplerOptions& o) { o.top_p = 1.5; }), HasSubstr("top_p is 1.5"));
  EXPECT_THAT(message([](SamplerOptions& o) { o.top_p = std::nan(""); }), HasSubstr("top_p is nan"));
  EXPECT_THAT(message([](SamplerOptions& o) { o.top_k = -1; }), HasSubstr("top_k is -1"));
  EXPECT_THAT(message([](SamplerOptions& o) { o.repetition_penalty = 0; }), HasSubstr("(0, 100]"));
  EXPECT_THAT(message([](SamplerOptions& o) { o.min_keep = 101; }), HasSubstr("[1, 100]"));
  EXPECT_THAT(message([](SamplerOptions& o) { o.dry_sequence_breakers = {{}}; }),
              HasSubstr("dry_sequence_breaker"));
  EXPECT_EQ(message([](SamplerOptions&) {}), "");
}

TEST(Sampler, TokensOutsideTheVocabularyAreNotRemembered) {
  SamplerOptions options = plain();
  options.penalty_last_n = 8;
  options.presence_penalty = 1;
  Sampler sampler = make(options, 3);
  sampler.accept(-1);
  sampler.accept(3);
  EXPECT_TRUE(sampler.sample(std::vector<float>{1, 2, 3}));
}

}  // namespace
}  // namespace mote::engine
