#include "mote/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace mote {
namespace {

constexpr ErrorCode kTestCode{"TEST_CODE", ErrorKind::failed};

Error test_error(std::string message) { return {kTestCode, std::move(message), "", "", std::nullopt}; }

Result<int> half_of(int x) {
  if (x % 2 != 0) return test_error("odd");
  return x / 2;
}

Result<std::unique_ptr<int>> boxed(int x) {
  // Two propagations in one function, and on one line each, must not collide.
  MOTE_ASSIGN(const int half, half_of(x));
  MOTE_ASSIGN(const int quarter, half_of(half));
  return std::make_unique<int>(quarter);
}

Result<void> all_even(int a, int b, int& reached) {
  MOTE_TRY(half_of(a));
  ++reached;
  MOTE_TRY(half_of(b));
  ++reached;
  return {};
}

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> good = half_of(8);
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(*good, 4);
  EXPECT_EQ(good.value_or(9), 4);
  const Result<int> bad = half_of(7);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code.name, "TEST_CODE");
  EXPECT_EQ(bad.error().message, "odd");
  EXPECT_EQ(bad.value_or(9), 9);
}

TEST(Result, AssignLeavesTheFunctionWithTheFirstError) {
  const auto good = boxed(12);
  ASSERT_TRUE(good);
  EXPECT_EQ(**good, 3);
  EXPECT_FALSE(boxed(5));
  EXPECT_FALSE(boxed(6));
}

TEST(Result, AssignMovesWhatCannotBeCopied) {
  const auto take = []() -> Result<int> {
    MOTE_ASSIGN(const std::unique_ptr<int> p, boxed(8));
    return *p;
  };
  EXPECT_EQ(take().value_or(0), 2);
}

TEST(Result, TryStopsAtTheFirstErrorOnly) {
  int reached = 0;
  EXPECT_TRUE(all_even(2, 4, reached));
  EXPECT_EQ(reached, 2);
  reached = 0;
  const auto result = all_even(2, 5, reached);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "odd");
  EXPECT_EQ(reached, 1);
}

TEST(Result, OfTextTakesLiteralsAndIsNotConfusedWithErrors) {
  const auto name = [](bool good) -> Result<std::string> {
    if (!good) return test_error("no name");
    return "mote";
  };
  EXPECT_EQ(name(true).value_or(""), "mote");
  EXPECT_FALSE(name(false));
}

}  // namespace
}  // namespace mote
