#include "engine/forward.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/loaded_model.h"
#include "engine/tiny_gguf.h"
#include "testing/environment.h"

namespace mote::engine {
namespace {

// In parts, whichever input they end and begin at, a block does what it does in one go.
TEST(Forward, ABlockInPartsGivesTheSameBits) {
  const auto runtime = Runtime::create();
  ASSERT_TRUE(runtime);
  const auto model =
      LoadedModel::load(**runtime, mote::testing::source_path("models/babyllama-tok105/model5000.bin"));
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

// A tiny model with exact activations, and its hidden states behind all blocks for `n` tokens.
class Taps : public ::testing::TestWithParam<testing::TinyGguf> {
 protected:
  struct Shown {
    std::size_t expert;
    std::size_t cols;
    std::vector<float> rows;
  };
  using All = std::map<std::pair<std::size_t, BlockInput>, std::vector<Shown>>;

  void SetUp() override {
    RuntimeOptions two_threads;
    two_threads.threads = 2;
    runtime_ = std::move(*Runtime::create(two_threads));
    LoadOptions options;
    options.activations = Activations::f32;
    options.need_tokenizer = false;
    const auto path = testing::write_tiny_gguf(mote::testing::fresh_folder() / "tiny.gguf", GetParam());
    model_ = std::move(*LoadedModel::load(*runtime_, path, options));
    const model::ModelSpec& spec = model_->spec();
    const KvShape shape{spec.blocks, spec.kv_heads, spec.head_dim, 16, KvType::f32, KvType::f32};
    cache_.emplace(std::move(*KvCache::create(shape, runtime_->kernels())));
    forward_ = Forward::create(*runtime_, spec, model_->weights(), 16, 16);
    ASSERT_NE(forward_, nullptr);
  }

  std::vector<float> run(std::size_t n) {
    const std::array<Slice, 1> slices{Slice{&*cache_, 0, n}};
    forward_->embed(std::span(kTokens).first(n), slices);
    forward_->run(0, model_->spec().blocks, slices);
    const std::span<const float> out = forward_->hidden().first(n * model_->spec().width);
    return {out.begin(), out.end()};
  }

  All shown(std::size_t n, std::vector<float>& hidden) {
    All out;
    forward_->set_tap([&](const TappedInput& in) {
      out[{in.layer, in.input}].push_back({in.expert, in.cols, {in.rows.begin(), in.rows.end()}});
    });
    hidden = run(n);
    forward_->set_tap({});
    return out;
  }

  // The input of a block by run_to().
  std::vector<float> input_at(std::size_t n, std::size_t layer, BlockInput input) {
    const std::array<Slice, 1> slices{Slice{&*cache_, 0, n}};
    forward_->embed(std::span(kTokens).first(n), slices);
    forward_->run(0, layer, slices);
    forward_->run_to(layer, input, slices);
    return {forward_->input().begin(), forward_->input().end()};
  }

  static constexpr std::array<TokenId, 6> kTokens{1, 5, 9, 2, 30, 7};
  std::unique_ptr<Runtime> runtime_;
  std::shared_ptr<const LoadedModel> model_;
  std::optional<KvCache> cache_;
  std::unique_ptr<Forward> forward_;
};

TEST_P(Taps, ShowWhatRunToStopsAtAndChangeNothing) {
  const bool experts = model_->spec().experts.count > 0;
  for (const std::size_t n : {std::size_t{1}, kTokens.size()}) {
    const std::vector<float> without = run(n);
    std::vector<float> hidden;
    const All all = shown(n, hidden);
    EXPECT_EQ(hidden, without);
    EXPECT_EQ(run(n), without);  // the tap is gone
    for (std::size_t layer = 0; layer < model_->spec().blocks; ++layer) {
      for (const BlockInput input :
           {BlockInput::attention, BlockInput::attention_output, BlockInput::ffn, BlockInput::ffn_down}) {
        const auto found = all.find({layer, input});
        if (experts && input == BlockInput::ffn_down) {
          EXPECT_EQ(found, all.end());
          continue;
        }
        ASSERT_NE(found, all.end());
        ASSERT_EQ(found->second.size(), 1U);
        EXPECT_EQ(found->second[0].rows, input_at(n, layer, input)) << static_cast<int>(input);
        EXPECT_EQ(found->second[0].cols * n, found->second[0].rows.size());
      }
    }
  }
}

// Every token at as many experts as the model uses, each once, with the rows of the block's input.
TEST_P(Taps, ShowEachExpertTheRowsOfItsTokens) {
  const model::ExpertSpec& e = model_->spec().experts;
  if (e.count == 0) return;
  for (const std::size_t n : {std::size_t{1}, kTokens.size()}) {
    std::vector<float> hidden;
    All all = shown(n, hidden);
    for (std::size_t layer = 0; layer < model_->spec().blocks; ++layer) {
      const std::vector<Shown>& in = all[{layer, BlockInput::expert}];
      const std::vector<Shown>& down = all[{layer, BlockInput::expert_down}];
      const Shown& ffn = all[{layer, BlockInput::ffn}][0];
      ASSERT_EQ(in.size(), down.size());
      std::vector<std::size_t> times(n, 0);
      for (std::size_t i = 0; i < in.size(); ++i) {
        EXPECT_EQ(in[i].expert, down[i].expert);
        EXPECT_TRUE(i == 0 || in[i].expert > in[i - 1].expert);
        EXPECT_LT(in[i].expert, e.count);
        ASSERT_EQ(in[i].cols, ffn.cols);
        EXPECT_EQ(down[i].cols, e.hidden);
        EXPECT_EQ(down[i].rows.size() / e.hidden, in[i].rows.size() / ffn.cols);
        for (std::size_t at = 0; at < in[i].rows.size(); at += ffn.cols) {
          std::size_t token = 0;
          const auto is_row = [&](std::size_t t) {
            return std::equal(in[i].rows.begin() + static_cast<std::ptrdiff_t>(at),
                              in[i].rows.begin() + static_cast<std::ptrdiff_t>(at + ffn.cols),
                              ffn.rows.begin() + static_cast<std::ptrdiff_t>(t * ffn.cols));
          };
          while (token < n && !is_row(token)) ++token;
          ASSERT_LT(token, n) << "a row of no token";
          ++times[token];
        }
      }
      EXPECT_EQ(times, std::vector<std::size_t>(n, e.used));
      EXPECT_EQ((all.contains({layer, BlockInput::shared_down})), e.shared_hidden > 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, Taps,
    ::testing::Values(testing::TinyGguf{}, testing::TinyGguf{.architecture = "gemma2"},
                      testing::TinyGguf{.architecture = "olmo2"},
                      testing::TinyGguf{.architecture = "stablelm", .parallel = true},
                      testing::TinyGguf{.architecture = "qwen3moe", .experts = true},
                      testing::TinyGguf{.architecture = "qwen2moe", .experts = true, .shared_expert = true}),
    [](const auto& tiny) {
      return std::string(tiny.param.architecture) + (tiny.param.parallel ? "_parallel" : "");
    });

}  // namespace
}  // namespace mote::engine
