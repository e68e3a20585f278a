#include "grad/block_gradient.h"

#include <gtest/gtest.h>

#include <cmath>
#include <mutex>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/forward.h"
#include "grad/test_model.h"
#include "testing/environment.h"

namespace mote::grad {
namespace {

using testing::Floats;
using testing::TinyModel;

std::filesystem::path tiny_path() { return mote::testing::fresh_folder() / "tiny.gguf"; }

constexpr std::size_t kTokens = 21;

struct Case {
  const char* architecture;
  bool parallel = false;
};

std::vector<float> random_floats(Rng& rng, std::size_t n) {
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(rng.next_normal());
  return out;
}

// What the engine makes of block `index`.
std::vector<float> engine_output(TinyModel& model, std::size_t index, const std::vector<float>& in) {
  const model::ModelSpec& spec = model.spec();
  auto cache = engine::KvCache::create(
      {spec.blocks, spec.kv_heads, spec.head_dim, kTokens, engine::KvType::f32, engine::KvType::f32},
      model.runtime->kernels());
  auto forward = engine::Forward::create(*model.runtime, spec, model.loaded->weights(), kTokens, kTokens);
  std::ranges::copy(in, forward->hidden().begin());
  const std::array<engine::Slice, 1> slice{{{&*cache, 0, kTokens}}};
  forward->run(index, index + 1, slice);
  const auto hidden = forward->hidden().first(in.size());
  return {hidden.begin(), hidden.end()};
}

class BlockGradientOf : public ::testing::TestWithParam<Case> {
 protected:
  TinyModel model_{tiny_path(), GetParam().architecture, 2, GetParam().parallel};
  Rng rng_{5};
};

TEST_P(BlockGradientOf, ForwardIsTheEngines) {
  BlockGradient grad(*model_.runtime, model_.spec(), kTokens);
  const std::vector<float> in = random_floats(rng_, kTokens * model_.spec().width);
  std::vector<float> out(in.size());
  for (std::size_t block = 0; block < model_.spec().blocks; ++block) {
    const Floats floats(model_.block(block));
    grad.forward(block, model_.block(block), floats.matrices, in.data(), out.data());
    const std::vector<float> expected = engine_output(model_, block, in);
    for (std::size_t i = 0; i < in.size(); ++i) ASSERT_NEAR(out[i], expected[i], 2e-4) << i;
  }
}

// The loss is sum of c * output. Along a direction d it must change by what the gradient says.
TEST_P(BlockGradientOf, BackwardIsTheSlopeAlongRandomDirections) {
  BlockGradient grad(*model_.runtime, model_.spec(), kTokens);
  const std::size_t block = model_.spec().blocks - 1;
  const engine::BlockWeights& fixed = model_.block(block);
  Floats floats(fixed);
  std::vector<float> in = random_floats(rng_, kTokens * model_.spec().width);
  const std::vector<float> c = random_floats(rng_, in.size());
  std::vector<float> out(in.size());
  const auto loss = [&] {
    grad.forward(block, fixed, floats.matrices, in.data(), out.data());
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) sum += static_cast<double>(c[i]) * out[i];
    return sum;
  };
  loss();
  std::vector<float> by_input = c;
  std::array<std::vector<float>, kBlockMatrices> by_matrix;
  for (std::size_t m = 0; m < kBlockMatrices; ++m) by_matrix[m].resize(floats.values[m].size());
  std::mutex lock;
  const TakeBlockRows take = [&](BlockMatrix which, std::size_t first, std::size_t count, const float* rows) {
    const auto m = static_cast<std::size_t>(which);
    const std::size_t cols = floats.matrices[m].cols;
    const std::scoped_lock hold(lock);
    for (std::size_t i = 0; i < count * cols; ++i) by_matrix[m][first * cols + i] += rows[i];
  };
  grad.backward(by_input.data(), &take);

  // In float a step that is too small drowns in roundings, one that is too large in curvature.
  const auto expect_slope = [&](std::vector<float>& x, const std::vector<float>& gradient, float step,
                                const std::string& what) {
    if (x.empty()) return;
    const std::vector<float> before = x;
    const std::vector<float> direction = random_floats(rng_, x.size());
    double expected = 0;
    double scale = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      expected += static_cast<double>(gradient[i]) * direction[i];
      scale += static_cast<double>(gradient[i]) * gradient[i];
    }
    const auto at = [&](float sign) {
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = before[i] + sign * step * direction[i];
      return loss();
    };
    const double slope = (at(1) - at(-1)) / (2 * static_cast<double>(step));
    x = before;
    EXPECT_GT(scale, 0) << what;
    EXPECT_NEAR(slope, expected, 5e-3 * std::sqrt(scale)) << what;
  };
  expect_slope(in, by_input, 2e-3F, "input");
  const std::array<const char*, kBlockMatrices> names{"q", "k", "v", "output", "gate", "up", "down"};
  for (std::size_t m = 0; m < kBlockMatrices; ++m) {
    expect_slope(floats.values[m], by_matrix[m], 5e-4F, names[m]);
  }
}

TEST_P(BlockGradientOf, ThreadsGiveTheSameBits) {
  std::vector<std::vector<float>> results;
  for (const unsigned threads : {1U, 3U}) {
    TinyModel model(tiny_path(), GetParam().architecture, threads, GetParam().parallel);
    BlockGradient grad(*model.runtime, model.spec(), kTokens);
    const Floats floats(model.block(0));
    Rng rng(6);
    const std::vector<float> in = random_floats(rng, kTokens * model.spec().width);
    std::vector<float> gradient = random_floats(rng, in.size());
    std::vector<float> result(in.size());
    grad.forward(0, model.block(0), floats.matrices, in.data(), result.data());
    std::vector<float> rows(floats.values[0].size());
    const TakeBlockRows take = [&](BlockMatrix which, std::size_t first, std::size_t count, const float* r) {
      if (which != BlockMatrix::q) return;  // no other thread writes these
      std::copy_n(r, count * floats.matrices[0].cols, rows.data() + first * floats.matrices[0].cols);
    };
    grad.backward(gradient.data(), &take);
    result.insert(result.end(), gradient.begin(), gradient.end());
    result.insert(result.end(), rows.begin(), rows.end());
    results.push_back(std::move(result));
  }
  EXPECT_EQ(results[0], results[1]);
}

INSTANTIATE_TEST_SUITE_P(Architectures, BlockGradientOf,
                         ::testing::Values(Case{"llama"}, Case{"qwen2"}, Case{"qwen3"}, Case{"gemma"},
                                           Case{"gemma2"}, Case{"gemma3"}, Case{"phi3"}, Case{"granite"},
                                           Case{"olmo2"}, Case{"exaone4"}, Case{"stablelm"},
                                           Case{"stablelm", true}),
                         [](const auto& of) {
                           return std::string(of.param.architecture) + (of.param.parallel ? "_parallel" : "");
                         });

TEST(HasBlockGradient, NotOfEncodersAndMixtures) {
  EXPECT_TRUE(has_block_gradient(TinyModel(tiny_path(), "llama").spec()));
  EXPECT_FALSE(has_block_gradient(TinyModel(tiny_path(), "bert").spec()));
}

}  // namespace
}  // namespace mote::grad
