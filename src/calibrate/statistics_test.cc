// Sums of statistics, what is refused of them, and importances against numbers made by hand.
#include "calibrate/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "testing/shapes.h"

namespace mote::calibrate {
namespace {

using mote::testing::Shapes;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One tensor "w", windows of three tokens.
Statistics statistics_of(InputSums sums, std::vector<TokenId> tokens = {}, std::size_t window = 3) {
  Statistics out;
  out.windows = tokens.size() / window;
  out.window = window;
  out.tokens = std::move(tokens);
  out.inputs["w"] = std::move(sums);
  return out;
}

void is_refused(const Result<void>& result, std::string_view code, const std::string& tensor) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code.name, code);
  EXPECT_THAT(result.error().message, HasSubstr("'" + tensor + "'"));
}

// ---------------------------------------------------------------- merge

TEST(Merge, SecondMomentsStayWhereBothHaveThem) {
  class One : public MomentStore {
   public:
    explicit One(float x) : x_(x) {}
    [[nodiscard]] std::span<const MomentEntry> entries() const override { return {&entry_, 1}; }
    [[nodiscard]] Result<std::vector<float>> read(std::size_t, std::size_t) const override {
      return std::vector<float>{x_, x_, x_};
    }

   private:
    MomentEntry entry_{"w", 2, {10}};
    float x_;
  };
  const auto with = [](float x) {
    Statistics s = statistics_of({{10}, {1, 2}, {}});
    if (x != 0) s.moments = std::make_shared<One>(x);
    return s;
  };
  Statistics sum;
  ASSERT_TRUE(merge(sum, with(1)));
  ASSERT_NE(sum.moments, nullptr);
  ASSERT_TRUE(merge(sum, with(2)));
  ASSERT_NE(sum.moments, nullptr);
  EXPECT_THAT(*sum.moments->read(0, 0), ElementsAre(3, 3, 3));
  ASSERT_TRUE(merge(sum, with(0)));
  EXPECT_EQ(sum.moments, nullptr);
  ASSERT_TRUE(merge(sum, with(1)));  // one alone is not of all tokens
  EXPECT_EQ(sum.moments, nullptr);
  // Against the model.
  EXPECT_TRUE(check_statistics(with(1), Shapes({{"w", Shape{3, 2}}}), 0));
  Statistics other = with(1);
  other.inputs["v"] = {{10}, {1, 2, 3}, {}};
  other.inputs.erase("w");
  is_refused(check_statistics(other, Shapes({{"w", Shape{3, 3}}, {"v", Shape{1, 3}}}), 0), "STATISTICS_MODEL",
             "w");
}

TEST(Merge, AddsCountsAndSums) {
  Statistics a = statistics_of({{10}, {1, 2}, {-1, 5}}, {7, 8, 9});
  a.datasets = {"a.txt"};
  Statistics b = statistics_of({{32}, {4, 0.5}, {3, -0.25}}, {1, 2, 3, 4, 5, 6});
  b.datasets = {"b.txt", "c.txt"};
  b.inputs["only.in.b"] = {{5}, {1, 1, 1}, {}};
  ASSERT_TRUE(merge(a, b));
  EXPECT_THAT(a.inputs["w"].counts, ElementsAre(42));
  EXPECT_THAT(a.inputs["w"].squares, ElementsAre(5, 2.5));
  EXPECT_THAT(a.inputs["w"].sums, ElementsAre(2, 4.75));
  EXPECT_THAT(a.inputs["only.in.b"].squares, ElementsAre(1, 1, 1));
  EXPECT_THAT(a.tokens, ElementsAre(7, 8, 9, 1, 2, 3, 4, 5, 6));
  EXPECT_EQ(a.windows, 3U);
  EXPECT_EQ(a.window, 3U);
  EXPECT_THAT(a.datasets, ElementsAre("a.txt", "b.txt", "c.txt"));
}

TEST(Merge, IntoNothingIsACopy) {
  const Statistics from = statistics_of({{10, 20}, {1, 2, 3, 4}, {5, 6, 7, 8}}, {7, 8, 9});
  Statistics into;
  ASSERT_TRUE(merge(into, from));
  EXPECT_EQ(into.inputs["w"].counts, from.inputs.at("w").counts);
  EXPECT_EQ(into.inputs["w"].squares, from.inputs.at("w").squares);
  EXPECT_EQ(into.inputs["w"].sums, from.inputs.at("w").sums);
  EXPECT_EQ(into.tokens, from.tokens);
  EXPECT_EQ(into.windows, from.windows);
  EXPECT_EQ(into.window, from.window);
}

TEST(Merge, OneCountForAllMatricesBecomesOneOfEach) {
  const InputSums one{{10}, {1, 2, 3, 4}, {}};
  const InputSums each{{3, 4}, {1, 1, 1, 1}, {}};
  Statistics a = statistics_of(one);
  ASSERT_TRUE(merge(a, statistics_of(each)));
  EXPECT_THAT(a.inputs["w"].counts, ElementsAre(13, 14));
  EXPECT_THAT(a.inputs["w"].squares, ElementsAre(2, 3, 4, 5));
  Statistics b = statistics_of(each);
  ASSERT_TRUE(merge(b, statistics_of(one)));
  EXPECT_THAT(b.inputs["w"].counts, ElementsAre(13, 14));
  Statistics c = statistics_of(one);
  ASSERT_TRUE(merge(c, statistics_of(one)));
  EXPECT_THAT(c.inputs["w"].counts, ElementsAre(20));
}

TEST(Merge, SumsThatOneLacksAreDropped) {
  Statistics a = statistics_of({{10}, {1, 2}, {1, 1}});
  ASSERT_TRUE(merge(a, statistics_of({{10}, {1, 2}, {}})));
  EXPECT_THAT(a.inputs["w"].squares, ElementsAre(2, 4));
  EXPECT_THAT(a.inputs["w"].sums, IsEmpty());
  Statistics b = statistics_of({{10}, {1, 2}, {}});
  ASSERT_TRUE(merge(b, statistics_of({{10}, {1, 2}, {1, 1}})));
  EXPECT_THAT(b.inputs["w"].sums, IsEmpty());
}

TEST(Merge, KeepsTokensWhereAllAreKnownAndWindowsAreAsLong) {
  const InputSums sums{{10}, {1, 2}, {}};
  const Statistics with = statistics_of(sums, {7, 8, 9});
  const Statistics without = [&] {
    Statistics out = statistics_of(sums);
    out.windows = 1;
    return out;
  }();
  const Statistics longer = statistics_of(sums, {1, 2, 3, 4}, 4);
  // Of an old .dat, which need not say how many windows it has.
  const Statistics unknown = statistics_of(sums);
  const auto tokens_of = [](std::initializer_list<const Statistics*> parts) {
    Statistics all;
    for (const Statistics* part : parts) EXPECT_TRUE(merge(all, *part));
    return all.tokens;
  };
  EXPECT_THAT(tokens_of({&with, &with}), ElementsAre(7, 8, 9, 7, 8, 9));
  EXPECT_THAT(tokens_of({&with, &without}), IsEmpty());
  EXPECT_THAT(tokens_of({&without, &with}), IsEmpty());
  EXPECT_THAT(tokens_of({&unknown, &with}), IsEmpty());
  EXPECT_THAT(tokens_of({&with, &unknown, &with}), IsEmpty());
  EXPECT_THAT(tokens_of({&with, &longer}), IsEmpty());
  EXPECT_THAT(tokens_of({&longer, &with}), IsEmpty());
}

TEST(Merge, RefusesOtherSizesByTheTensorsName) {
  Statistics a = statistics_of({{10}, {1, 2, 3, 4, 5, 6}, {}});
  is_refused(merge(a, statistics_of({{10}, {1, 2, 3}, {}})), "STATISTICS_MODEL", "w");
  Statistics b = statistics_of({{10, 10}, {1, 2, 3, 4, 5, 6}, {}});
  is_refused(merge(b, statistics_of({{10, 10, 10}, {1, 2, 3, 4, 5, 6}, {}})), "STATISTICS_MODEL", "w");
}

// ---------------------------------------------------------------- check_statistics

const Shapes kModel({{"w", Shape{8, 2}}, {"experts", Shape{3, 8, 2}}, {"norm", Shape{2}}});

Statistics good() {
  Statistics out = statistics_of({{kLeastTokens}, {1, 0}, {-1, 1}});
  out.inputs["experts"] = {{100, 1, 0}, {1, 2, 3, 4, 0, 0}, {}};
  return out;
}

TEST(CheckStatistics, AcceptsWhatFits) {
  EXPECT_TRUE(check_statistics(good(), kModel));
  Statistics some = good();
  some.inputs.erase("w");
  some.inputs["not.of.the.model"] = {{1}, {1}, {}};
  EXPECT_TRUE(check_statistics(some, kModel));
  Statistics one_count = good();
  one_count.inputs["experts"].counts = {500};
  EXPECT_TRUE(check_statistics(one_count, kModel));
}

TEST(CheckStatistics, RareExpertsAreNotRefused) {
  Statistics rare = good();
  rare.inputs["experts"].counts = {1, 0, 0};
  EXPECT_TRUE(check_statistics(rare, kModel));
}

TEST(CheckStatistics, RefusesFewTokensOfADenseTensor) {
  Statistics few = good();
  few.inputs["w"].counts = {kLeastTokens - 1};
  is_refused(check_statistics(few, kModel), "STATISTICS_SHORT", "w");
}

TEST(CheckStatistics, RefusesOtherSizes) {
  for (const std::size_t size : {1U, 3U, 4U}) {
    Statistics other = good();
    other.inputs["w"].squares.assign(size, 1.0);
    is_refused(check_statistics(other, kModel), "STATISTICS_MODEL", "w");
  }
  // Of two experts where the model has three; as many sums as expected with two counts.
  Statistics fewer = good();
  fewer.inputs["experts"].squares.resize(4);
  is_refused(check_statistics(fewer, kModel), "STATISTICS_MODEL", "experts");
  Statistics counts = good();
  counts.inputs["experts"].counts = {100, 100};
  is_refused(check_statistics(counts, kModel), "STATISTICS_MODEL", "experts");
}

TEST(CheckStatistics, RefusesStatisticsOfNoneOfTheTensors) {
  Statistics other;
  other.inputs["blk.7.ffn_up.weight"] = {{1000}, {1, 2}, {}};
  is_refused(check_statistics(other, kModel), "STATISTICS_MODEL", "blk.7.ffn_up.weight");
  EXPECT_EQ(check_statistics(Statistics(), kModel).error().code.name, "STATISTICS_MODEL");
}

TEST(CheckStatistics, RefusesWhatIsNoSum) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const double x : {kNan, kInfinity, -kInfinity, -1e-30}) {
    Statistics bad = good();
    bad.inputs["w"].squares[1] = x;
    is_refused(check_statistics(bad, kModel), "STATISTICS_NONFINITE", "w");
  }
  for (const double x : {kNan, kInfinity}) {
    Statistics bad = good();
    bad.inputs["w"].sums[1] = x;
    is_refused(check_statistics(bad, kModel), "STATISTICS_NONFINITE", "w");
  }
}

// ---------------------------------------------------------------- importance_of

std::vector<float> importance_of_w(const InputSums& sums, std::size_t cols) {
  return importance_of(statistics_of(sums), "w", cols);
}

TEST(ImportanceOf, MeanSquaresOverTheirMean) {
  // Mean of the four: 2.
  EXPECT_THAT(importance_of_w({{100}, {1, 3, 1.5, 2.5}, {}}, 4), ElementsAre(0.5F, 1.5F, 0.75F, 1.25F));
  // How many tokens there were is of no account.
  EXPECT_THAT(importance_of_w({{100'000}, {1, 3, 1.5, 2.5}, {}}, 4), ElementsAre(0.5F, 1.5F, 0.75F, 1.25F));
}

TEST(ImportanceOf, DeadInputsCountALittle) {
  EXPECT_THAT(importance_of_w({{100}, {0, 8, 0, 0}, {}}, 4), ElementsAre(1e-4F, 4.0F, 1e-4F, 1e-4F));
}

TEST(ImportanceOf, ATensorThatSawNothingCountsAllAlike) {
  EXPECT_THAT(importance_of_w({{100}, {0, 0}, {}}, 2), ElementsAre(1.0F, 1.0F));
  EXPECT_THAT(importance_of_w({{0, 0}, {0, 0, 0, 0}, {}}, 2), ElementsAre(1.0F, 1.0F, 1.0F, 1.0F));
}

TEST(ImportanceOf, ExpertsLeanOnTheMeanOfAll) {
  // 256 tokens in all, so the mean of all counts as 64 / 256 of their sum (320, 160): 80, 40.
  const InputSums sums{{192, 64}, {300, 100, 20, 60}, {}};
  EXPECT_THAT(importance_of_w(sums, 2),
              ElementsAre(FloatNear(380.0F / 260, 1e-6F), FloatNear(140.0F / 260, 1e-6F), 1.0F, 1.0F));
}

TEST(ImportanceOf, AnExpertThatSawNothingIsTheMeanOfAll) {
  // The sum of all is that of the first: 300, 100.
  EXPECT_THAT(importance_of_w({{500, 0}, {300, 100, 0, 0}, {}}, 2), ElementsAre(1.5F, 0.5F, 1.5F, 0.5F));
}

TEST(ImportanceOf, AnExpertThatSawMuchKeepsItsOwn) {
  const std::vector<float> out = importance_of_w({{1'000'000, 1'000'000}, {3e6, 1e6, 1e6, 3e6}, {}}, 2);
  EXPECT_THAT(out, ElementsAre(FloatNear(1.5F, 1e-4F), FloatNear(0.5F, 1e-4F), FloatNear(0.5F, 1e-4F),
                               FloatNear(1.5F, 1e-4F)));
}

TEST(ImportanceOf, OneCountIsThatOfEachMatrix) {
  // As {128, 128}: 64 / 256 of (320, 160).
  EXPECT_EQ(importance_of_w({{128}, {300, 100, 20, 60}, {}}, 2),
            importance_of_w({{128, 128}, {300, 100, 20, 60}, {}}, 2));
}

TEST(ImportanceOf, IsEmptyWithoutStatistics) {
  EXPECT_THAT(importance_of(good(), "other", 2), IsEmpty());
  EXPECT_THAT(importance_of(Statistics(), "w", 2), IsEmpty());
}

}  // namespace
}  // namespace mote::calibrate
