#include "calibrate/moment_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/test_runtime.h"
#include "engine/tiny_gguf.h"
#include "testing/environment.h"

namespace mote::calibrate {
namespace {

using ::testing::ElementsAre;

namespace fs = std::filesystem;

// Entries of two columns, whose sums are numbers of the test.
std::unique_ptr<SpilledMoments> stored(const std::vector<std::pair<MomentEntry, std::vector<float>>>& all) {
  auto out = SpilledMoments::create(testing::fresh_folder());
  EXPECT_TRUE(out);
  for (const auto& [entry, numbers] : all) {
    const std::size_t size = packed_size(entry.cols);
    for (std::size_t m = 0; m < entry.matrices(); ++m) {
      EXPECT_TRUE((*out)->add(entry, std::span(numbers).subspan(m * size, size)));
    }
  }
  return std::move(*out);
}

const MomentEntry kA{"a", 2, {10}};
const MomentEntry kExperts{"e", 2, {1, 2}};

TEST(SpilledMoments, AreReadBackAndLeaveNothing) {
  const fs::path folder = testing::fresh_folder();
  auto store = SpilledMoments::create(folder);
  ASSERT_TRUE(store);
  EXPECT_TRUE(fs::is_empty(folder));
  ASSERT_TRUE((*store)->add(kA, std::vector<float>{1, 2, 3}));
  ASSERT_TRUE((*store)->add(kExperts, std::vector<float>{4, 5, 6}));
  ASSERT_TRUE((*store)->add(kExperts, std::vector<float>{7, 8, 9}));
  EXPECT_THAT((*store)->entries(), ElementsAre(kA, kExperts));
  EXPECT_THAT(*(*store)->read(0, 0), ElementsAre(1, 2, 3));
  EXPECT_THAT(*(*store)->read(1, 1), ElementsAre(7, 8, 9));
}

TEST(AddedMoments, AddUpTheSameEntriesInAnyOrder) {
  const std::shared_ptr<const MomentStore> a = stored({{kA, {1, 2, 3}}, {kExperts, {1, 1, 1, 2, 2, 2}}});
  const std::shared_ptr<const MomentStore> b =
      stored({{kExperts, {10, 20, 30, 40, 50, 60}}, {kA, {100, 200, 300}}});
  const auto sum = added(a, b);
  ASSERT_NE(sum, nullptr);
  EXPECT_THAT(sum->entries(), ElementsAre(MomentEntry{"a", 2, {20}}, MomentEntry{"e", 2, {2, 4}}));
  EXPECT_THAT(*sum->read(0, 0), ElementsAre(101, 202, 303));
  EXPECT_THAT(*sum->read(1, 1), ElementsAre(42, 52, 62));
}

TEST(AddedMoments, AreNoneWhereOneHasOthers) {
  const std::shared_ptr<const MomentStore> a = stored({{kA, {1, 2, 3}}});
  EXPECT_EQ(added(a, nullptr), nullptr);
  EXPECT_EQ(added(nullptr, a), nullptr);
  EXPECT_EQ(added(a, stored({})), nullptr);
  EXPECT_EQ(added(a, stored({{{"b", 2, {10}}, {1, 2, 3}}})), nullptr);
  EXPECT_EQ(added(a, stored({{{"a", 1, {10}}, {1}}})), nullptr);
  EXPECT_EQ(added(a, stored({{{"a", 2, {10, 1}}, {1, 2, 3, 4, 5, 6}}})), nullptr);
}

// Under the name of the first tensor that reads the same inputs.
TEST(FindMoments, KnowsWhoReadsTheSame) {
  const auto runtime = engine::testing::runtime_of(1);
  const auto model = engine::testing::load_exact(
      *runtime, engine::testing::write_tiny_gguf(testing::fresh_folder() / "tiny.gguf",
                                                 {.architecture = "qwen2moe", .experts = true}));
  const formats::TensorSource& source = *model->model().canonical;
  const auto store = stored({{{"blk.0.attn_q.weight", 1, {1}}, {1}},
                             {{"blk.1.attn_q.weight", 1, {1}}, {2}},
                             {{"blk.1.ffn_gate_exps.weight", 1, {1}}, {3}},
                             {{"output.weight", 1, {1}}, {4}}});
  const auto of = [&](const std::string& name) {
    EXPECT_TRUE(source.find(name)) << name;
    return find_moments(*store, source, source.find(name).value_or(0));
  };
  EXPECT_EQ(of("blk.0.attn_q.weight"), 0U);
  EXPECT_EQ(of("blk.0.attn_v.weight"), 0U);
  EXPECT_EQ(of("blk.1.attn_k.weight"), 1U);
  EXPECT_EQ(of("blk.1.ffn_up_exps.weight"), 2U);
  EXPECT_EQ(of("blk.1.attn_output.weight"), std::nullopt);
  EXPECT_EQ(of("blk.1.ffn_down_exps.weight"), std::nullopt);
  EXPECT_EQ(of("blk.1.ffn_gate_inp.weight"), std::nullopt);
  EXPECT_EQ(of("token_embd.weight"), std::nullopt);
}

}  // namespace
}  // namespace mote::calibrate
