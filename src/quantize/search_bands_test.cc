// The loops over bands of every instruction set, against plain ones.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "quantize/search.h"
#include "tensor/float16.h"

namespace mote::quantize {
namespace {

std::vector<const SearchKernels*> all_kernels() {
  std::vector<const SearchKernels*> out{&kSearchBaseline};
#if defined(__x86_64__)
  const sys::CpuFeatures features = sys::detect_cpu_features();
  if (features.avx2) out.push_back(&kSearchAvx2);
  if (features.avx512) out.push_back(&kSearchAvx512);
#endif
  return out;
}

TEST(SearchBands, EveryHalfIsWidenedExactly) {
  std::vector<Half> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<Half>(i);
  for (const SearchKernels* kernels : all_kernels()) {
    for (const std::size_t count : {65536U, 65531U, 3U, 0U}) {
      std::vector<float> out(count + 1, 7.0F);
      kernels->widen_halves(reinterpret_cast<const std::byte*>(halves.data()), out.data(), count);
      for (std::size_t i = 0; i < count; ++i) {
        const float expected = half_to_float(halves[i]);
        if (std::isnan(expected)) {
          ASSERT_TRUE(std::isnan(out[i])) << i;
        } else {
          ASSERT_EQ(std::memcmp(&out[i], &expected, sizeof expected), 0) << i;
        }
      }
      EXPECT_EQ(out[count], 7.0F);
    }
  }
}

TEST(SearchBands, ComparesInEightChainsOnEverySet) {
  Rng rng(3);
  for (const std::size_t count : {0U, 1U, 7U, 8U, 9U, 100U, 1000U}) {
    std::vector<float> x(count);
    std::vector<float> y(count);
    for (std::size_t i = 0; i < count; ++i) {
      x[i] = static_cast<float>(rng.next_normal());
      y[i] = x[i] + static_cast<float>(rng.next_normal() * 0.01);
    }
    std::array<double, 8> error{};
    std::array<double, 8> norm{};
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t chain = i < count / 8 * 8 ? i % 8 : 0;
      const double difference = static_cast<double>(x[i]) - static_cast<double>(y[i]);
      error[chain] += difference * difference;
      norm[chain] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    }
    BandSums expected;
    for (std::size_t k = 0; k < 8; ++k) {
      expected.squared_error += error[k];
      expected.squared_norm += norm[k];
    }
    for (const SearchKernels* kernels : all_kernels()) {
      const BandSums sums = kernels->compare(x.data(), y.data(), count);
      EXPECT_EQ(sums.squared_error, expected.squared_error) << count;
      EXPECT_EQ(sums.squared_norm, expected.squared_norm) << count;
      EXPECT_TRUE(sums.finite);
    }
  }
}

TEST(SearchBands, NoticesWhatIsNotFiniteAnywhere) {
  for (const SearchKernels* kernels : all_kernels()) {
    for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
      for (std::size_t i = 0; i < 21; ++i) {
        std::vector<float> fine(21, std::numeric_limits<float>::max());
        std::vector<float> spoiled = fine;
        EXPECT_TRUE(kernels->compare(fine.data(), spoiled.data(), 21).finite);
        spoiled[i] = bad;
        EXPECT_FALSE(kernels->compare(fine.data(), spoiled.data(), 21).finite) << i;
        EXPECT_FALSE(kernels->compare(spoiled.data(), fine.data(), 21).finite) << i;
      }
    }
  }
}

}  // namespace
}  // namespace mote::quantize
