#include "engine/forward.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "engine/loaded_model.h"
#include "testing/environment.h"

namespace mote::engine {
namespace {

// In parts, whichever input they end and begin at, a block does what it does in one go.
TEST(Forward, ABlockInPartsGivesTheSameBits) {
  const auto runtime = Runtime::create();
  ASSERT_TRUE(runtime);
  const auto model =
      LoadedModel::load(**runtime, testing::source_path("models/babyllama-tok105/model5000.bin"));
  ASSERT_TRUE(model);
  const model::ModelSpec& spec = (*model)->spec();
  const std::vector<TokenId> tokens{1, 5, 9, 2, 44, 7};
  const auto hidden_states = [&](const auto& through) {
    const KvShape shape{spec.blocks, spec.kv_heads, spec.head_dim, 32, KvType::f32, KvType::f32};
    auto cache = KvCache::create(shape, (*runtime)->kernels());
    const auto forward = Forward::create(**runtime, spec, (*model)->weights(), 8, 32);
    EXPECT_TRUE(cache && forward);
    const std::array<Slice, 1> slices{Slice{&*cache, 0, tokens.size()}};
    forward->embed(tokens, slices);
    for (std::size_t layer = 0; layer < spec.blocks; ++layer) through(*forward, layer, slices);
    const std::span<const float> out = forward->hidden().first(tokens.size() * spec.width);
    return std::vector<float>(out.begin(), out.end());
  };
  const std::vector<float> whole = hidden_states(
      [](Forward& f, std::size_t layer, std::span<const Slice> slices) { f.run(layer, layer + 1, slices); });
  const std::array<std::pair<BlockInput, std::size_t>, 4> inputs{
      {{BlockInput::attention, spec.width},
       {BlockInput::attention_output, spec.q_width()},
       {BlockInput::ffn, spec.width},
       {BlockInput::ffn_down, spec.hidden}}};
  for (const auto& [input, cols] : inputs) {
    const std::vector<float> parts = hidden_states(
        [&, at = input, width = cols](Forward& f, std::size_t layer, std::span<const Slice> slices) {
          f.run_to(layer, at, slices);
          EXPECT_EQ(f.input().size(), tokens.size() * width);
          f.run_from(layer, at, slices);
        });
    EXPECT_EQ(parts, whole) << static_cast<int>(input);
  }
}

}  // namespace
}  // namespace mote::engine
