#include "base/checked.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace mote {
namespace {

constexpr std::uint64_t kMax = UINT64_MAX;

TEST(Checked, SumsAndProductsThatFitKeepTheirValue) {
  EXPECT_EQ((Checked(3) * 4 + 5).value(), 17U);
  EXPECT_EQ((Checked(kMax - 1) + 1).value(), kMax);
  EXPECT_EQ((Checked(0xFFFFFFFFU) * 0x100000001U).value(), kMax);
  EXPECT_EQ((Checked(7) - 7).value(), 0U);
}

TEST(Checked, AnOverflowInAnyStepInvalidatesTheResult) {
  EXPECT_FALSE((Checked(kMax) + 1).valid());
  EXPECT_FALSE((Checked(std::uint64_t{1} << 32) * (std::uint64_t{1} << 32)).valid());
  EXPECT_FALSE((Checked(3) - 4).valid());
  // Once wrong it stays wrong, even where later steps would bring it back into range or to zero.
  EXPECT_FALSE((Checked(kMax) + 1 - kMax).valid());
  EXPECT_FALSE(((Checked(kMax) + 1) * 0).valid());
  EXPECT_EQ((Checked(kMax) + 1).value(), std::nullopt);
}

TEST(Checked, NegativeNumbersAreInvalidFromTheStart) {
  EXPECT_FALSE(Checked(-1).valid());
  EXPECT_FALSE((Checked(-1) + 1).valid());
  EXPECT_TRUE(Checked(0).valid());
}

// Brute force over a narrow range next to the border: the wide product decides.
TEST(Checked, AgreesWithWideArithmeticAtTheBorder) {
  __extension__ using Wide = unsigned __int128;
  for (std::uint64_t a = kMax - 20; a != 20; ++a) {
    for (std::uint64_t b = kMax - 20; b != 20; ++b) {
      const Wide sum = Wide{a} + b;
      const Wide product = Wide{a} * b;
      ASSERT_EQ((Checked(a) + b).valid(), sum <= kMax) << a << " " << b;
      ASSERT_EQ((Checked(a) * b).valid(), product <= kMax) << a << " " << b;
      ASSERT_EQ((Checked(a) - b).valid(), a >= b) << a << " " << b;
    }
  }
}

TEST(Checked, RoundsUpToMultiples) {
  EXPECT_EQ(Checked(0).aligned_up(32).value(), 0U);
  EXPECT_EQ(Checked(1).aligned_up(32).value(), 32U);
  EXPECT_EQ(Checked(32).aligned_up(32).value(), 32U);
  EXPECT_EQ(Checked(33).aligned_up(1).value(), 33U);
  EXPECT_EQ(Checked(kMax - 31).aligned_up(32).value(), kMax - 31);
  // 2^64 - 4 is the size whose padding wrapped to zero in a peer.
  EXPECT_FALSE(Checked(kMax - 3).aligned_up(32).valid());
  EXPECT_FALSE((Checked(kMax) + 1).aligned_up(32).valid());
}

}  // namespace
}  // namespace mote
