#include "engine/hadamard.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace mote::engine {
namespace {

// Element (i, j) of Sylvester's matrix is -1 to the number of ones that i and j share.
TEST(Hadamard, IsTheMatrixOfEachRun) {
  for (const std::size_t dim : {1U, 2U, 64U, 96U, 80U, 7U}) {
    const std::size_t order = hadamard_order(dim);
    std::vector<float> row(dim);
    for (std::size_t i = 0; i < dim; ++i) row[i] = static_cast<float>(i * i % 23) - 11.0F;
    std::vector<float> turned = row;
    hadamard(turned.data(), dim);
    for (std::size_t i = 0; i < dim; ++i) {
      float sum = 0;
      for (std::size_t j = 0; j < order; ++j) {
        const float x = row[i / order * order + j];
        sum += std::popcount(i % order & j) % 2 == 0 ? x : -x;
      }
      EXPECT_EQ(turned[i], sum) << dim << ", element " << i;
    }
  }
  EXPECT_EQ(hadamard_order(96), 32U);
  EXPECT_EQ(hadamard_order(128), 128U);
}

TEST(Hadamard, TheInverseTurnsBackExactlyWhatIsWhole) {
  for (const std::size_t dim : {1U, 64U, 96U, 256U}) {
    std::vector<float> row(dim);
    for (std::size_t i = 0; i < dim; ++i) row[i] = static_cast<float>(i * 7 % 31) - 15.0F;
    std::vector<float> turned = row;
    hadamard(turned.data(), dim);
    hadamard_inverse(turned.data(), dim);
    EXPECT_EQ(turned, row) << dim;
  }
}

}  // namespace
}  // namespace mote::engine
