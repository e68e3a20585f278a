#include "base/rng.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace mote {
namespace {

// Published outputs: the paper's reference implementation (splitmix64.c, S. Vigna) with seed 1234567, as
// quoted by Rosetta Code's task "Pseudo-random numbers/Splitmix64", and Java's SplittableRandom constants for
// seed 0.
TEST(Rng, GivesTheReferenceSequenceOfSplitMix64) {
  Rng rng(1234567);
  EXPECT_EQ(rng.next_u64(), 6457827717110365317ULL);
  EXPECT_EQ(rng.next_u64(), 3203168211198807973ULL);
  EXPECT_EQ(rng.next_u64(), 9817491932198370423ULL);
  EXPECT_EQ(rng.next_u64(), 4593380528125082431ULL);
  EXPECT_EQ(rng.next_u64(), 16408922859458223821ULL);
  EXPECT_EQ(Rng(0).next_u64(), 0xE220A8397B1DCDAFULL);
}

TEST(Rng, DoublesTakeTheUpper53Bits) {
  // 0xE220A8397B1DCDAF >> 11 = 0x1C4415072F63B9, over 2^53.
  EXPECT_EQ(Rng(0).next_double(), static_cast<double>(0x1C4415072F63B9ULL) / 9007199254740992.0);
  Rng rng(3);
  for (int i = 0; i < 100000; ++i) {
    const double u = rng.next_double();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
  }
}

TEST(Rng, BoundedNumbersStayBelowTheBoundAndAreEven) {
  Rng rng(5);
  std::array<int, 7> counts{};
  constexpr int kDraws = 70000;
  for (int i = 0; i < kDraws; ++i) ++counts.at(rng.next_below(7));
  // Standard deviation of a count is sqrt(70000 * 1/7 * 6/7) = 93: 5 of them.
  for (const int count : counts) EXPECT_NEAR(count, 10000, 465);
  EXPECT_EQ(Rng(9).next_below(1), 0U);
  EXPECT_LT(Rng(9).next_below(UINT64_MAX), UINT64_MAX);
}

TEST(Rng, NormalsHaveMeanZeroAndVarianceOne) {
  Rng rng(11);
  constexpr int kDraws = 200000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.next_normal();
    sum += x;
    squares += x * x;
  }
  // The mean's deviation is 1/sqrt(n) = 0.0022, that of the variance about sqrt(2/n) = 0.0032: 5 of each.
  EXPECT_NEAR(sum / kDraws, 0.0, 0.0112);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.016);
}

}  // namespace
}  // namespace mote
