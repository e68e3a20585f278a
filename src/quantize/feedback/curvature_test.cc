#include "quantize/feedback/curvature.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "quantize/feedback/cholesky.h"
#include "quantize/feedback/random_inputs.h"

namespace mote::quantize {
namespace {

using testing::moments;
using testing::random_inputs;

std::vector<double> second_moment(std::uint64_t seed, std::size_t cols) {
  const std::vector<double> x = random_inputs(seed, 3 * cols + 5, cols);
  return moments(x, x, cols);
}

TEST(Cholesky, TheFactorTimesItsTransposeIsTheMatrix) {
  sys::ThreadPool pool(3);
  for (const std::size_t n : {1U, 7U, 64U, 65U, 200U}) {
    const std::vector<double> a = second_moment(n, n);
    std::vector<double> l = a;
    ASSERT_TRUE(factor_cholesky(pool, kFeedbackBaseline, l, n));
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k <= j; ++k) sum += l[i * n + k] * l[j * n + k];
        ASSERT_NEAR(sum, a[i * n + j], 1e-10 * a[0]) << n;
      }
    }
  }
}

TEST(Cholesky, RefusesWhatIsNotPositiveDefinite) {
  sys::ThreadPool pool(1);
  std::vector<double> indefinite{1.0, 2.0, 2.0, 1.0};
  EXPECT_FALSE(factor_cholesky(pool, kFeedbackBaseline, indefinite, 2));
  std::vector<double> nan{std::numeric_limits<double>::quiet_NaN()};
  EXPECT_FALSE(factor_cholesky(pool, kFeedbackBaseline, nan, 1));
}

TEST(Cholesky, ThreadsAndKernelsGiveTheSameBits) {
  constexpr std::size_t kN = 150;
  const std::vector<double> a = second_moment(3, kN);
  std::vector<double> first = a;
  sys::ThreadPool one(1);
  ASSERT_TRUE(factor_cholesky(one, kFeedbackBaseline, first, kN));
  sys::ThreadPool three(3);
  std::vector<double> other = a;
  ASSERT_TRUE(factor_cholesky(three, feedback_kernels(sys::detect_cpu_features()), other, kN));
  EXPECT_EQ(other, first);
}

TEST(Curvature, TheOrderFallsAndTheCouplingIsThatOfTheFactorInThatOrder) {
  constexpr std::size_t kCols = 40;
  sys::ThreadPool pool(2);
  const std::vector<double> h = second_moment(5, kCols);
  const auto c = curvature_of(pool, kFeedbackBaseline, h, kCols, 0.01);
  ASSERT_TRUE(c) << format_error(c.error());
  double mean = 0;
  for (std::size_t i = 0; i < kCols; ++i) mean += h[i * kCols + i] / kCols;
  for (std::size_t k = 1; k < kCols; ++k) {
    EXPECT_GE(h[c->order[k - 1] * (kCols + 1)], h[c->order[k] * (kCols + 1)]);
  }
  // H = M D M^T with M unit upper triangular: M is the coupling, D whatever remains on the diagonal.
  std::vector<double> m(kCols * kCols, 0.0);
  for (std::size_t k = 0; k < kCols; ++k) {
    m[k * kCols + k] = 1.0;
    for (std::size_t i = 0; i < k; ++i) m[i * kCols + k] = c->coupling[k * kCols + i];
    for (std::size_t i = k; i < kCols; ++i) ASSERT_EQ(c->coupling[k * kCols + i], 0.0F);
  }
  std::vector<double> d(kCols);
  const auto damped = [&](std::size_t i, std::size_t j) {
    return h[c->order[i] * kCols + c->order[j]] + (i == j ? 0.01 * mean : 0.0);
  };
  for (std::size_t k = kCols; k-- > 0;) {
    d[k] = damped(k, k);
    for (std::size_t j = k + 1; j < kCols; ++j) d[k] -= m[k * kCols + j] * m[k * kCols + j] * d[j];
    EXPECT_GT(d[k], 0.0);
  }
  for (std::size_t i = 0; i < kCols; ++i) {
    for (std::size_t j = 0; j < kCols; ++j) {
      double sum = 0;
      for (std::size_t k = std::max(i, j); k < kCols; ++k) sum += m[i * kCols + k] * d[k] * m[j * kCols + k];
      ASSERT_NEAR(sum, damped(i, j), 1e-5 * mean);
    }
  }
}

TEST(Curvature, InputsThatAreAlwaysZeroAndThoseThatRepeatAnotherAreTakenWithDamping) {
  sys::ThreadPool pool(1);
  // Columns 0 and 1 are the same, column 2 is always 0.
  const std::vector<double> h{4, 4, 0, 4, 4, 0, 0, 0, 0};
  const auto c = curvature_of(pool, kFeedbackBaseline, h, 3, 0.01);
  ASSERT_TRUE(c) << format_error(c.error());
  EXPECT_GT(c->importance[2], 0.0F);
  EXPECT_EQ(c->order[2], 2U);
  EXPECT_NEAR(c->coupling[1 * 3 + 0], 4.0 / (4.0 + 0.01 * 8 / 3), 1e-4);
}

TEST(Curvature, RefusesMomentsThatAreNone) {
  sys::ThreadPool pool(1);
  const auto code_of = [&](std::vector<double> h) {
    const auto c = curvature_of(pool, kFeedbackBaseline, h, 2, 0.01);
    return c ? std::string("none") : std::string(c.error().code.name);
  };
  EXPECT_EQ(code_of({0, 0, 0, 0}), "STATISTICS_SINGULAR");
  EXPECT_EQ(code_of({1, 5, 5, 1}), "STATISTICS_SINGULAR");
  EXPECT_EQ(code_of({1, 0, 0, std::numeric_limits<double>::infinity()}), "STATISTICS_SINGULAR");
}

}  // namespace
}  // namespace mote::quantize
