#include "engine/packed_layout.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "engine/tiny_gguf.h"
#include "engine/weights.h"
#include "kernels/linear.h"
#include "testing/environment.h"

namespace mote::engine {
namespace {

std::unique_ptr<Runtime> runtime() {
  RuntimeOptions options;
  options.threads = 2;
  return std::move(*Runtime::create(options));
}

// The layout is made of names and shapes, the loader goes through blocks and roles: every matrix of one has
// to be in the other.
TEST(PackedLayout, HasAPlaceForEveryMatrixThatALoadMakes) {
  const auto threads = runtime();
  std::set<std::string_view> seen;
  for (const model::ArchEntry& arch : model::all_archs()) {
    for (const bool experts : {false, true}) {
      if ((experts && !arch.experts) || arch.gguf_name.empty()) continue;
      SCOPED_TRACE(std::string(arch.gguf_name) + (experts ? " with experts" : ""));
      const auto path = testing::write_tiny_gguf(mote::testing::fresh_folder() / "m.gguf",
                                                 {.architecture = arch.gguf_name, .experts = experts});
      auto model = model::open_model(path);
      if (!model && !experts && arch.experts) continue;  // always of experts
      ASSERT_TRUE(model) << format_error(model.error());
      const PackedLayout layout(*model, false);
      auto weights = load_weights(*threads, *model, layout, false);
      ASSERT_TRUE(weights) << format_error(weights.error());
      EXPECT_TRUE(weights->in_one_run);
      EXPECT_EQ(weights->packed.size(), layout.bytes());
      std::uint64_t end = 0;
      for (const PackedPlace& place : layout.places()) {
        EXPECT_EQ(place.offset, end) << place.tensor << place.part;
        EXPECT_EQ(place.bytes % 64, 0U);
        EXPECT_GT(place.bytes, 0U);
        end += place.bytes;
        EXPECT_EQ(layout.find(place.tensor, place.part), &place);
      }
      EXPECT_EQ(layout.bytes(), end);
      seen.insert(arch.gguf_name);
    }
  }
  EXPECT_GE(seen.size(), 15U);
}

// By way of the loader's own matrices: each lies where the layout says and holds what packing alone gives.
TEST(PackedLayout, PartsOfATensorAreItsRowsInOrder) {
  const auto threads = runtime();
  const auto path =
      testing::write_tiny_gguf(mote::testing::fresh_folder() / "m.gguf", {.architecture = "phi3"});
  auto model = model::open_model(path);
  ASSERT_TRUE(model) << format_error(model.error());
  const PackedLayout layout(*model, false);
  auto weights = load_weights(*threads, *model, layout, false);
  ASSERT_TRUE(weights);
  const BlockWeights& block = weights->blocks[1];
  const std::vector<std::pair<const Linear*, std::pair<std::string, std::uint32_t>>> matrices{
      {&block.q, {"blk.1.attn_qkv.weight", 0}},    {&block.k, {"blk.1.attn_qkv.weight", 1}},
      {&block.v, {"blk.1.attn_qkv.weight", 2}},    {&block.ffn.gate, {"blk.1.ffn_up.weight", 0}},
      {&block.ffn.up, {"blk.1.ffn_up.weight", 1}}, {&block.ffn.down, {"blk.1.ffn_down.weight", 0}}};
  for (const auto& [linear, name] : matrices) {
    const PackedPlace* place = layout.find(name.first, name.second);
    ASSERT_NE(place, nullptr) << name.first;
    EXPECT_EQ(linear->matrix.tiles, weights->packed.data() + place->offset);
    EXPECT_EQ(linear->matrix.rows, place->rows);
    EXPECT_EQ(linear->matrix.cols, place->cols);
    EXPECT_EQ(linear->matrix.bytes(), place->bytes);
  }
  EXPECT_EQ(layout.find("blk.1.attn_qkv.weight", 3), nullptr);
  EXPECT_EQ(layout.find("blk.1.attn_q.weight", 0), nullptr);
}

TEST(PackedLayout, ExactActivationsAndPlainFloatsHaveNone) {
  const auto folder = mote::testing::fresh_folder();
  auto quantized = model::open_model(testing::write_tiny_gguf(folder / "q.gguf"));
  auto plain = model::open_model(testing::write_tiny_gguf(folder / "f.gguf", {.codec = CodecId::f16}));
  ASSERT_TRUE(quantized);
  ASSERT_TRUE(plain);
  EXPECT_EQ(PackedLayout(*quantized, true).bytes(), 0U);
  EXPECT_EQ(PackedLayout(*plain, false).bytes(), 0U);
  EXPECT_GT(PackedLayout(*quantized, false).bytes(), 0U);
}

}  // namespace
}  // namespace mote::engine
