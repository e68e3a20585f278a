#include "grad/products.h"

#include <gtest/gtest.h>

#include <cmath>
#include <mutex>
#include <vector>

#include "base/rng.h"
#include "engine/runtime.h"
#include "engine/test_runtime.h"

namespace mote::grad {
namespace {

std::vector<float> random_floats(Rng& rng, std::size_t n) {
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(rng.next_normal());
  return out;
}

// Shapes that no block of any loop divides.
constexpr std::size_t kRows = 83;
constexpr std::size_t kCols = 149;
constexpr std::size_t kTokens = 101;

struct Products : ::testing::Test {
  Rng rng{1};
  std::vector<float> w = random_floats(rng, kRows* kCols);
  std::vector<float> x = random_floats(rng, kTokens* kCols);
  std::vector<float> g = random_floats(rng, kTokens* kRows);
  std::unique_ptr<engine::Runtime> runtime = engine::testing::runtime_of(2);
  [[nodiscard]] Matrix matrix() const { return {w.data(), kRows, kCols}; }

  // sum over k of a(k) b(k) in double, and what roundings may make of it.
  template <typename A, typename B>
  static void expect_sum(float got, std::size_t n, const A& a, const B& b) {
    double sum = 0;
    double magnitude = 0;
    for (std::size_t k = 0; k < n; ++k) {
      sum += static_cast<double>(a(k)) * b(k);
      magnitude += std::fabs(static_cast<double>(a(k)) * b(k));
    }
    ASSERT_NEAR(got, sum, 1e-6 * magnitude);
  }
};

TEST_F(Products, MultiplyRowsWithRows) {
  std::vector<float> out(kTokens * kRows);
  multiply(runtime->pool(), runtime->kernels(), matrix(), x.data(), kTokens, out.data());
  for (std::size_t t = 0; t < kTokens; ++t) {
    for (std::size_t r = 0; r < kRows; ++r) {
      expect_sum(
          out[t * kRows + r], kCols, [&](std::size_t i) { return w[r * kCols + i]; },
          [&](std::size_t i) { return x[t * kCols + i]; });
    }
  }
}

TEST_F(Products, ATurnedProductIsAdded) {
  std::vector<float> out(kTokens * kCols, 0.5F);
  add_turned_product(runtime->pool(), runtime->kernels(), matrix(), g.data(), kTokens, out.data());
  for (std::size_t t = 0; t < kTokens; ++t) {
    for (std::size_t i = 0; i < kCols; ++i) {
      expect_sum(
          out[t * kCols + i] - 0.5F, kRows, [&](std::size_t r) { return w[r * kCols + i]; },
          [&](std::size_t r) { return g[t * kRows + r]; });
    }
  }
}

TEST_F(Products, EveryRowOfAWeightsGradientComesOnce) {
  std::vector<float> out(kRows * kCols, NAN);
  std::vector<int> seen(kRows, 0);
  std::mutex lock;
  weight_gradient(runtime->pool(), runtime->kernels(), g.data(), kRows, x.data(), kCols, kTokens,
                  [&](std::size_t first, std::size_t count, const float* rows) {
                    const std::scoped_lock hold(lock);
                    for (std::size_t r = 0; r < count; ++r) ++seen[first + r];
                    std::copy_n(rows, count * kCols, out.data() + first * kCols);
                  });
  EXPECT_EQ(seen, std::vector<int>(kRows, 1));
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t i = 0; i < kCols; ++i) {
      expect_sum(
          out[r * kCols + i], kTokens, [&](std::size_t t) { return g[t * kRows + r]; },
          [&](std::size_t t) { return x[t * kCols + i]; });
    }
  }
}

}  // namespace
}  // namespace mote::grad
