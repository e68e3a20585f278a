// Does a model with its channels in another form compute what it did? The oracle is the model as it was.
#include "quantize/equivalent/channel_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/test_runtime.h"
#include "engine/tiny_gguf.h"
#include "quantize/equivalent/equivalent_source.h"
#include "testing/environment.h"

namespace mote::quantize {
namespace {

using engine::BlockInput;

constexpr std::size_t kTokens = 19;

struct Case {
  const char* architecture;
  bool parallel = false;
  bool experts = false;
  std::size_t couplings = 4;  // of a block
};

// Any form that the coupling allows.
ChannelMap random_map(Rng& rng, const Coupling& coupling) {
  ChannelMap map;
  if (coupling.can_scale) {
    for (std::size_t c = 0; c < coupling.channels; ++c) {
      map.scale.push_back(std::exp(0.7F * static_cast<float>(rng.next_normal())));
    }
  }
  if (coupling.can_permute) {
    map.from.resize(coupling.channels);
    std::iota(map.from.begin(), map.from.end(), 0U);
    for (std::size_t first = 0; first < coupling.channels; first += coupling.head) {
      for (std::size_t i = coupling.head - 1; i > 0; --i) {
        std::swap(map.from[first + i], map.from[first + rng.next_u64() % (i + 1)]);
      }
    }
  }
  map.turned = coupling.can_turn;
  return map;
}

class CouplingsOf : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    engine::testing::TinyGguf tiny;
    tiny.architecture = GetParam().architecture;
    tiny.codec = CodecId::f32;
    tiny.parallel = GetParam().parallel;
    tiny.experts = GetParam().experts;
    engine::testing::write_tiny_gguf(path_, tiny);
    original_ = load({});
  }
  std::shared_ptr<const engine::LoadedModel> load(TensorChanges changes) {
    engine::LoadOptions options;
    options.activations = engine::Activations::f32;
    options.need_tokenizer = false;
    options.change_model = [&](model::Model& model) {
      model.canonical = std::make_unique<EquivalentSource>(std::move(model.canonical), std::move(changes));
    };
    auto model = engine::LoadedModel::load(*runtime_, path_, options);
    EXPECT_TRUE(model) << (model ? "" : format_error(model.error()));
    return model ? std::move(*model) : nullptr;
  }
  const formats::TensorSource& source() { return *original_->model().canonical; }

  // Behind all blocks, for hidden states that are the same in each call.
  std::vector<float> output(const engine::LoadedModel& model) {
    const model::ModelSpec& spec = model.spec();
    auto cache = engine::KvCache::create(
        {spec.blocks, spec.kv_heads, spec.head_dim, kTokens, engine::KvType::f32, engine::KvType::f32},
        runtime_->kernels());
    auto forward = engine::Forward::create(*runtime_, spec, model.weights(), kTokens, kTokens);
    Rng rng(3);
    const auto hidden = forward->hidden().first(kTokens * spec.width);
    for (float& x : hidden) x = static_cast<float>(rng.next_normal());
    const std::array<engine::Slice, 1> slice{{{&*cache, 0, kTokens}}};
    forward->run(0, spec.blocks, slice);
    return {hidden.begin(), hidden.end()};
  }
  // The largest difference over the largest value.
  double distance(const TensorChanges& changes) {
    const std::vector<float> a = output(*original_);
    const std::vector<float> b = output(*load(changes));
    double largest = 0;
    double off = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(a[i])));
      off = std::max(off, std::abs(static_cast<double>(a[i]) - b[i]));
    }
    return off / largest;
  }

  std::filesystem::path path_ = mote::testing::fresh_folder() / "tiny.gguf";
  std::unique_ptr<engine::Runtime> runtime_ = engine::testing::runtime_of(2);
  std::shared_ptr<const engine::LoadedModel> original_;
  Rng rng_{11};
};

TEST_P(CouplingsOf, LeaveWhatIsComputedAsItIs) {
  TensorChanges changes;
  for (std::uint32_t block = 0; block < original_->spec().blocks; ++block) {
    const std::vector<Coupling> couplings = couplings_of(original_->spec(), source(), block);
    EXPECT_EQ(couplings.size(), GetParam().couplings);
    for (const Coupling& c : couplings) add_map(c, random_map(rng_, c), source(), changes);
  }
  EXPECT_LT(distance(changes), 1e-5);
}

// Each on its own: without what makes the channels, or without a matrix that reads them, the answer is wrong.
TEST_P(CouplingsOf, NeedAllThatMakeAndReadTheChannels) {
  for (const Coupling& coupling : couplings_of(original_->spec(), source(), 1)) {
    const ChannelMap map = random_map(rng_, coupling);
    TensorChanges whole;
    add_map(coupling, map, source(), whole);
    EXPECT_LT(distance(whole), 1e-5) << static_cast<int>(coupling.input);
    for (const auto& [index, change] : whole) {
      TensorChanges part = whole;
      part.erase(index);
      EXPECT_GT(distance(part), 1e-4) << source().tensors()[index].name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, CouplingsOf,
                         ::testing::Values(Case{"llama"}, Case{"qwen2"}, Case{"qwen3"}, Case{"gemma"},
                                           Case{"gemma2"}, Case{"gemma3"}, Case{"phi3"}, Case{"granite"},
                                           Case{"stablelm"},
                                           // Norms behind, not in front.
                                           Case{"olmo2", false, false, 2}, Case{"exaone4", false, false, 2},
                                           // One norm for both.
                                           Case{"stablelm", true, false, 3},
                                           // Experts stay as they are.
                                           Case{"qwen3moe", false, true, 2},
                                           // No gate, and no norm in front.
                                           Case{"bert", false, false, 2}),
                         [](const auto& of) {
                           return std::string(of.param.architecture) + (of.param.parallel ? "_parallel" : "");
                         });

TEST(ColumnChanges, RestoreIsTheInverse) {
  Coupling coupling{.channels = 16, .head = 8, .repeats = 3, .can_scale = true, .can_permute = true};
  coupling.can_turn = true;
  Rng rng(7);
  const TensorChange change = reader_change(coupling, random_map(rng, coupling));
  const std::size_t columns = coupling.columns();
  std::vector<float> rows(5 * columns);
  for (float& x : rows) x = static_cast<float>(rng.next_normal());
  std::vector<float> changed(rows.size());
  std::vector<float> restored(rows.size());
  change_columns(change, columns, rows, changed);
  restore_columns(change, columns, changed, restored);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_NEAR(restored[i], rows[i], 1e-5) << i;
  // A column of the third head of the second group follows the channel of that group.
  EXPECT_EQ(coupling.channel_of(5 * 8 + 2), 8U + 2U);
  EXPECT_EQ(coupling.channel_of(2 * 8 + 7), 7U);
}

TEST(Turn, IsItsOwnInverseAndKeepsLengths) {
  std::vector<float> x{1, -2, 3, 0.5, 4, 4, -1, 0};
  const std::vector<float> before = x;
  turn(x, 4);
  EXPECT_FLOAT_EQ(x[0], (1 - 2 + 3 + 0.5F) / 2);
  EXPECT_FLOAT_EQ(x[1], (1 + 2 + 3 - 0.5F) / 2);
  turn(x, 4);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], before[i], 1e-6);
}

}  // namespace
}  // namespace mote::quantize
