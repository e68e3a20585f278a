#include "calibrate/moments.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "engine/test_runtime.h"

namespace mote::calibrate {
namespace {

using engine::testing::runtime_of;

std::vector<float> random_values(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  std::vector<float> out(count);
  for (float& v : out) v = static_cast<float>(rng.next_normal());
  return out;
}

// The sums by their definition.
std::vector<double> plain(const std::vector<float>& a, const std::vector<float>& b, std::size_t cols) {
  std::vector<double> out(cols * cols, 0.0);
  const std::size_t n = a.size() / cols;
  for (std::size_t t = 0; t < n; ++t) {
    for (std::size_t i = 0; i < cols; ++i) {
      for (std::size_t j = 0; j < cols; ++j) {
        out[i * cols + j] += static_cast<double>(a[t * cols + i]) * static_cast<double>(b[t * cols + j]);
      }
    }
  }
  for (double& v : out) v /= static_cast<double>(n);
  return out;
}

// Widths that are no multiple of a stripe or of a vector, portions of different sizes.
TEST(Moments, AreTheMeanOfProducts) {
  for (const std::size_t cols : {1U, 31U, 33U, 100U}) {
    const auto runtime = runtime_of(2);
    auto crossed = Moments::create(*runtime, cols, 20);
    auto own = Moments::create(*runtime, cols, 20);
    ASSERT_TRUE(crossed && own);
    std::vector<float> all_a;
    std::vector<float> all_b;
    for (const std::size_t n : {20U, 1U, 7U}) {
      const std::vector<float> a = random_values(cols * 100 + n, n * cols);
      const std::vector<float> b = random_values(cols * 200 + n, n * cols);
      crossed->add(a, b);
      own->add(a);
      all_a.insert(all_a.end(), a.begin(), a.end());
      all_b.insert(all_b.end(), b.begin(), b.end());
    }
    EXPECT_EQ(crossed->tokens(), 28U);
    const std::vector<double> expected = plain(all_a, all_b, cols);
    const std::vector<double> expected_own = plain(all_a, all_a, cols);
    const std::vector<double> found = crossed->take_mean();
    const std::vector<double> found_own = own->take_mean();
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_NEAR(found[i], expected[i], 2e-6) << cols << " " << i;
      ASSERT_NEAR(found_own[i], expected_own[i], 2e-6) << cols << " " << i;
    }
  }
}

TEST(Moments, AreTheSameBitsForAnyNumberOfThreads) {
  constexpr std::size_t kCols = 130;
  const std::vector<float> a = random_values(1, 50 * kCols);
  std::vector<double> first;
  for (const unsigned threads : {1U, 2U, 3U}) {
    const auto runtime = runtime_of(threads);
    auto moments = Moments::create(*runtime, kCols, 50);
    ASSERT_TRUE(moments);
    moments->add(a);
    const std::vector<double> mean = moments->take_mean();
    if (first.empty()) first = mean;
    EXPECT_EQ(mean, first) << threads;
  }
}

}  // namespace
}  // namespace mote::calibrate
