#include "measure/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "measure/fake_model.h"

namespace mote::measure {
namespace {

constexpr std::size_t kVocabulary = 50;

WindowPlan plan_of(std::size_t tokens, std::size_t context, Protocol protocol) {
  Rng rng(11);
  std::vector<std::int32_t> text(tokens);
  for (auto& t : text) t = static_cast<std::int32_t>(rng.next_below(kVocabulary));
  auto plan = plan_windows(text, protocol, context, 0, 0);
  EXPECT_TRUE(plan);
  return *plan;
}

// log softmax by its definition.
std::vector<double> log_probabilities(const FakeModel& model, std::span<const std::int32_t> context) {
  const std::vector<float> logits = model.logits_after(context);
  long double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<long double>(x));
  std::vector<double> out;
  for (const float x : logits)
    out.push_back(static_cast<double>(static_cast<long double>(x) - std::log(sum)));
  return out;
}

std::size_t top_of(std::span<const double> row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

// One position at a time, straight from the definitions.
struct Brute {
  std::vector<double> nll;
  std::vector<double> kld;
  double agreement = 0;
  double flips = 0;
};
Brute brute(const FakeModel& reference, const FakeModel& model, const WindowPlan& plan) {
  Brute b;
  for (const auto& window : plan.windows) {
    for (std::size_t p = plan.first_scored; p + 1 < window.size(); ++p) {
      const auto context = std::span(window).first(p + 1);
      const auto target = static_cast<std::size_t>(window[p + 1]);
      const auto lp = log_probabilities(reference, context);
      const auto lq = log_probabilities(model, context);
      double kld = 0;
      for (std::size_t i = 0; i < lp.size(); ++i) kld += std::exp(lp[i]) * (lp[i] - lq[i]);
      b.nll.push_back(-lq[target]);
      b.kld.push_back(kld);
      b.agreement += top_of(lp) == top_of(lq) ? 1 : 0;
      b.flips += (top_of(lp) == target) != (top_of(lq) == target) ? 1 : 0;
    }
  }
  b.agreement /= static_cast<double>(b.kld.size());
  b.flips /= static_cast<double>(b.kld.size());
  return b;
}

double mean(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

class CompareBothProtocols : public testing::TestWithParam<Protocol> {};
INSTANTIATE_TEST_SUITE_P(Protocols, CompareBothProtocols, testing::Values(Protocol::llama, Protocol::hf));

TEST_P(CompareBothProtocols, EveryFigureEqualsItsDefinition) {
  // Windows longer than two steps, so that positions are fed in several calls.
  const WindowPlan plan = plan_of(1300, 300, GetParam());
  FakeModel reference(kVocabulary, 1, 0, 0);
  FakeModel close(kVocabulary, 1, 0.3, 5);
  FakeModel far(kVocabulary, 1, 1.0, 6);
  sys::ThreadPool pool(2);
  const std::vector<LogitModel*> models = {&close, &far};
  const auto result = compare(reference, models, plan, pool, {});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->models.size(), 2U);
  EXPECT_EQ(result->tokens, plan.scored());
  std::vector<Brute> expected = {brute(reference, close, plan), brute(reference, far, plan)};
  for (std::size_t m = 0; m < 2; ++m) {
    const Divergence& d = result->models[m];
    EXPECT_NEAR(d.kld_mean, mean(expected[m].kld), 1e-12);
    EXPECT_NEAR(d.kld_max, *std::max_element(expected[m].kld.begin(), expected[m].kld.end()), 1e-12);
    auto sorted = expected[m].kld;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_GE(d.kld_p99, sorted[sorted.size() * 98 / 100]);
    EXPECT_LE(d.kld_p99, sorted.back());
    EXPECT_DOUBLE_EQ(d.top1_agreement, expected[m].agreement);
    EXPECT_DOUBLE_EQ(d.flips, expected[m].flips);
    EXPECT_NEAR(d.perplexity.nll, mean(expected[m].nll), 1e-12);
  }
  ASSERT_EQ(result->pairs.size(), 1U);
  EXPECT_NEAR(result->pairs[0].kld_difference, mean(expected[1].kld) - mean(expected[0].kld), 1e-12);
  EXPECT_GT(result->pairs[0].stderr_, 0.0);
  EXPECT_GT(result->pairs[0].kld_difference, 5 * result->pairs[0].stderr_);
}

TEST_P(CompareBothProtocols, PerplexityAloneEqualsPerplexityInAComparison) {
  const WindowPlan plan = plan_of(700, 160, GetParam());
  FakeModel reference(kVocabulary, 1, 0, 0);
  FakeModel model(kVocabulary, 1, 0.3, 5);
  sys::ThreadPool pool(1);
  LogitModel* models[] = {&model};
  const auto compared = compare(reference, models, plan, pool, {});
  const auto alone = measure_perplexity(model, plan, pool, {});
  ASSERT_TRUE(compared && alone);
  EXPECT_EQ(alone->perplexity.ppl, compared->models[0].perplexity.ppl);
  EXPECT_EQ(alone->perplexity.ppl_stderr, compared->models[0].perplexity.ppl_stderr);
}

TEST(Compare, AModelDoesNotDifferFromItself) {
  const WindowPlan plan = plan_of(300, 64, Protocol::llama);
  FakeModel a(kVocabulary, 1, 0, 0);
  FakeModel b(kVocabulary, 1, 0, 0);
  sys::ThreadPool pool(1);
  LogitModel* models[] = {&b};
  const auto result = compare(a, models, plan, pool, {});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->models[0].kld_max, 0.0);
  EXPECT_EQ(result->models[0].top1_agreement, 1.0);
  EXPECT_EQ(result->models[0].flips, 0.0);
}

TEST(Compare, ResultsDoNotDependOnThreads) {
  const WindowPlan plan = plan_of(600, 100, Protocol::hf);
  std::vector<double> klds;
  for (const unsigned threads : {1U, 2U, 3U}) {
    FakeModel reference(kVocabulary, 1, 0, 0);
    FakeModel model(kVocabulary, 1, 0.5, 5);
    sys::ThreadPool pool(threads);
    LogitModel* models[] = {&model};
    klds.push_back(compare(reference, models, plan, pool, {})->models[0].kld_mean);
  }
  EXPECT_EQ(klds[0], klds[1]);
  EXPECT_EQ(klds[0], klds[2]);
}

TEST(Compare, RefusesModelsOfAnotherVocabulary) {
  const WindowPlan plan = plan_of(300, 64, Protocol::llama);
  FakeModel reference(kVocabulary, 1, 0, 0);
  FakeModel other(kVocabulary + 1, 1, 0, 0);
  sys::ThreadPool pool(1);
  LogitModel* models[] = {&other};
  const auto result = compare(reference, models, plan, pool, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code.name, "MEASURE_VOCABULARY");
}

TEST(Compare, NamesTheFirstPositionWhoseLogitsAreNoNumbers) {
  class Broken : public FakeModel {
   public:
    Broken() : FakeModel(kVocabulary, 1, 0, 0) {}
    Result<std::span<const float>> feed(std::span<const std::int32_t> tokens,
                                        std::size_t first_row) override {
      auto rows = FakeModel::feed(tokens, first_row);
      copy_.assign(rows->begin(), rows->end());
      if (restarts() == 2 && copy_.size() > 3 * kVocabulary) copy_[3 * kVocabulary] = std::nanf("");
      return std::span<const float>(copy_);
    }

   private:
    std::vector<float> copy_;
  };
  const WindowPlan plan = plan_of(300, 64, Protocol::llama);
  Broken broken;
  sys::ThreadPool pool(1);
  const auto result = measure_perplexity(broken, plan, pool, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code.name, "MEASURE_NONFINITE");
  EXPECT_NE(result.error().message.find("window 1, position 35"), std::string::npos)
      << result.error().message;
}

TEST(Compare, StopsWhenAsked) {
  const WindowPlan plan = plan_of(300, 64, Protocol::llama);
  FakeModel model(kVocabulary, 1, 0, 0);
  sys::ThreadPool pool(1);
  CancelToken cancel;
  cancel.request();
  MeasureOptions options;
  options.cancel = &cancel;
  const auto result = measure_perplexity(model, plan, pool, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(exit_status(result.error().code.kind), 130);
}

}  // namespace
}  // namespace mote::measure
