#include "measure/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mote::measure {
namespace {

std::vector<float> random_row(std::size_t n, std::uint64_t seed, double spread) {
  Rng rng(seed);
  std::vector<float> row(n);
  for (float& x : row) x = static_cast<float>(spread * rng.next_normal());
  return row;
}

// The definition, in long double and without subtracting the maximum.
long double brute_log_sum_exp(std::span<const float> row) {
  long double sum = 0;
  for (const float x : row) sum += std::exp(static_cast<long double>(x));
  return std::log(sum);
}

long double brute_kld(std::span<const float> p, std::span<const float> q) {
  const long double zp = brute_log_sum_exp(p);
  const long double zq = brute_log_sum_exp(q);
  long double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const long double log_p = static_cast<long double>(p[i]) - zp;
    sum += std::exp(log_p) * (log_p - (static_cast<long double>(q[i]) - zq));
  }
  return sum;
}

TEST(Normalize, EqualsTheDefinitionAndFindsTheFirstOfEqualMaxima) {
  const std::vector<float> row = random_row(1000, 3, 5.0);
  EXPECT_NEAR(normalize(row).log_sum_exp, static_cast<double>(brute_log_sum_exp(row)), 1e-12);
  EXPECT_EQ(normalize(std::vector<float>{1.0F, 4.0F, 4.0F}).top, 1U);
}

TEST(Normalize, HugeLogitsDoNotOverflow) {
  const std::vector<float> row = {3.0e30F, 3.0e30F};
  EXPECT_DOUBLE_EQ(normalize(row).log_sum_exp, static_cast<double>(3.0e30F));
}

TEST(KlDivergence, EqualsTheDefinition) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<float> p = random_row(500, seed, 4.0);
    const std::vector<float> q = random_row(500, seed + 100, 4.0);
    const auto expected = static_cast<double>(brute_kld(p, q));
    EXPECT_NEAR(kl_divergence(p, normalize(p), q, normalize(q)), expected, 1e-12 * expected);
  }
}

TEST(KlDivergence, OfADistributionFromItselfIsExactlyZero) {
  const std::vector<float> p = random_row(5000, 9, 6.0);
  EXPECT_EQ(kl_divergence(p, normalize(p), p, normalize(p)), 0.0);
}

TEST(KlDivergence, ResolvesDifferencesFarBelowTheFloorOfSixteenBitCaches) {
  const std::vector<float> p = random_row(2000, 5, 4.0);
  std::vector<float> q = p;
  for (std::size_t i = 0; i < q.size(); i += 2) q[i] += 0.001F;
  const auto expected = static_cast<double>(brute_kld(p, q));
  ASSERT_LT(expected, 1e-6);
  EXPECT_NEAR(kl_divergence(p, normalize(p), q, normalize(q)), expected, 1e-13);
}

TEST(KlDivergence, IgnoresTokensThatTheReferenceMasks) {
  const float masked = -std::numeric_limits<float>::infinity();
  const std::vector<float> p = {1.0F, masked, 0.5F};
  const std::vector<float> q = {1.0F, -7.0F, 0.25F};
  const double kld = kl_divergence(p, normalize(p), q, normalize(q));
  EXPECT_TRUE(std::isfinite(kld));
  EXPECT_GT(kld, 0.0);
}

TEST(Estimate, EqualsMeanAndSampleStandardDeviationOverRootN) {
  // numpy.std([2,4,4,4,5,5,7,9], ddof=1) = 2.138089935299395; / sqrt(8) = 0.7559289460184544
  const std::vector<double> values = {2, 4, 4, 4, 5, 5, 7, 9};
  EXPECT_DOUBLE_EQ(estimate(values).mean, 5.0);
  EXPECT_NEAR(estimate(values).stderr_, 0.7559289460184544, 1e-15);
  EXPECT_EQ(estimate(std::vector<double>{3.0}).stderr_, 0.0);
}

TEST(QuantileSorted, InterpolatesLikeNumpy) {
  // numpy.quantile([1, 2, 4, 8], [0, 0.5, 0.99, 1]) = [1, 3, 7.88, 8]
  const std::vector<double> values = {1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(quantile_sorted(values, 0.0), 1.0);
  EXPECT_DOUBLE_EQ(quantile_sorted(values, 0.5), 3.0);
  EXPECT_DOUBLE_EQ(quantile_sorted(values, 0.99), 7.88);
  EXPECT_DOUBLE_EQ(quantile_sorted(values, 1.0), 8.0);
}

TEST(PerplexityOf, IsTheExponentialOfTheMeanWithItsErrorScaled) {
  const std::vector<double> nll = {1.0, 2.0, 3.0};
  const Perplexity p = perplexity_of(nll);
  EXPECT_DOUBLE_EQ(p.ppl, std::exp(2.0));
  EXPECT_DOUBLE_EQ(p.ppl_stderr, std::exp(2.0) * std::sqrt(1.0 / 3.0));
}

TEST(BootstrapStderr, ApproachesTheFormulaForIndependentChunks) {
  // For equal counts the bootstrap's limit is the population standard deviation of chunk means over sqrt(n).
  Rng rng(1);
  std::vector<double> sums;
  std::vector<std::size_t> counts;
  double mean = 0;
  for (int i = 0; i < 40; ++i) {
    sums.push_back(10.0 * rng.next_normal());
    counts.push_back(10);
    mean += sums.back() / 10.0 / 40.0;
  }
  double variance = 0;
  for (const double s : sums) variance += (s / 10.0 - mean) * (s / 10.0 - mean) / 40.0;
  const double expected = std::sqrt(variance / 40.0);
  EXPECT_NEAR(bootstrap_stderr(sums, counts, 20000, Rng(7)), expected, 0.03 * expected);
}

TEST(BootstrapStderr, RepeatsWithTheSameSeedAndIsZeroForOneChunk) {
  const std::vector<double> sums = {1, 2, 3, 4};
  const std::vector<std::size_t> counts = {1, 1, 1, 1};
  EXPECT_EQ(bootstrap_stderr(sums, counts, 100, Rng(5)), bootstrap_stderr(sums, counts, 100, Rng(5)));
  EXPECT_NE(bootstrap_stderr(sums, counts, 100, Rng(5)), bootstrap_stderr(sums, counts, 100, Rng(6)));
  EXPECT_EQ(bootstrap_stderr(std::span(sums).first(1), std::span(counts).first(1), 100, Rng(5)), 0.0);
}

}  // namespace
}  // namespace mote::measure
