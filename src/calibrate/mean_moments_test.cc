#include "calibrate/mean_moments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "testing/environment.h"
#include "testing/shapes.h"

namespace mote::calibrate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Numbers of the test; entry after entry, matrix after matrix.
class Numbers : public MomentStore {
 public:
  Numbers(std::vector<MomentEntry> entries, std::vector<std::vector<float>> sums)
      : entries_(std::move(entries)), sums_(std::move(sums)) {}
  [[nodiscard]] std::span<const MomentEntry> entries() const override { return entries_; }
  [[nodiscard]] Result<std::vector<float>> read(std::size_t entry, std::size_t matrix) const override {
    std::size_t at = matrix;
    for (std::size_t e = 0; e < entry; ++e) at += entries_[e].matrices();
    return sums_[at];
  }

 private:
  std::vector<MomentEntry> entries_;
  std::vector<std::vector<float>> sums_;
};

Statistics statistics_of(const std::string& name, std::vector<std::uint64_t> counts,
                         std::vector<std::vector<float>> sums) {
  Statistics out;
  out.moments =
      std::make_shared<Numbers>(std::vector<MomentEntry>{{name, 2, std::move(counts)}}, std::move(sums));
  return out;
}

TEST(MeanMoments, AreTheSumsOverTheTokens) {
  const Statistics s = statistics_of("w", {4}, {{8, -2, 12}});
  const testing::Shapes model({{"w", Shape{3, 2}}});
  const auto moments = MeanMoments::of(s, model, 0);
  ASSERT_TRUE(moments && *moments);
  EXPECT_EQ((*moments)->matrices(), 1U);
  EXPECT_EQ((*moments)->cols(), 2U);
  EXPECT_THAT(*(*moments)->matrix(0), ElementsAre(2, -0.5, -0.5, 3));
}

// By hand: both experts together are {10, 0, 10} of 64 tokens, which counts as 64 more of each.
TEST(MeanMoments, ExpertsLeanOnAllOfThem) {
  const Statistics s = statistics_of("e", {64, 0}, {{10, 0, 10}, {0, 0, 0}});
  const testing::Shapes model({{"e", Shape{2, 3, 2}}});
  const auto moments = MeanMoments::of(s, model, 0);
  ASSERT_TRUE(moments && *moments);
  EXPECT_THAT(*(*moments)->matrix(0), ElementsAre(20.0 / 128, 0, 0, 20.0 / 128));
  EXPECT_THAT(*(*moments)->matrix(1), ElementsAre(10.0 / 64, 0, 0, 10.0 / 64));
}

TEST(MeanMoments, AreNothingWhereThereAreNone) {
  const testing::Shapes model({{"w", Shape{3, 2}}, {"v", Shape{3, 2}}});
  Statistics s = statistics_of("w", {4}, {{8, -2, 12}});
  EXPECT_FALSE(*MeanMoments::of(s, model, 1));
  s.moments = nullptr;
  EXPECT_FALSE(*MeanMoments::of(s, model, 0));
}

TEST(MeanMoments, NumbersThatAreNoneAreRefused) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Statistics one = statistics_of("w", {4}, {{8, bad, 12}});
    const testing::Shapes model({{"w", Shape{3, 2}}});
    const auto moments = MeanMoments::of(one, model, 0);
    ASSERT_TRUE(moments && *moments);
    const auto matrix = (*moments)->matrix(0);
    ASSERT_FALSE(matrix);
    EXPECT_EQ(matrix.error().code.name, "STATISTICS_NONFINITE");
    EXPECT_THAT(matrix.error().message, HasSubstr("'w'"));
    const Statistics two = statistics_of("e", {4, 4}, {{8, 2, 12}, {8, bad, 12}});
    EXPECT_EQ(MeanMoments::of(two, testing::Shapes({{"e", Shape{2, 3, 2}}}), 0).error().code.name,
              "STATISTICS_NONFINITE");
  }
}

}  // namespace
}  // namespace mote::calibrate
