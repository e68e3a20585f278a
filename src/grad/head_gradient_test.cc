#include "grad/head_gradient.h"

#include <gtest/gtest.h>

#include <cmath>
#include <mutex>
#include <string>
#include <vector>

#include "base/rng.h"
#include "grad/test_model.h"
#include "testing/environment.h"

namespace mote::grad {
namespace {

using testing::TinyModel;

std::filesystem::path tiny_path() { return mote::testing::fresh_folder() / "tiny.gguf"; }

constexpr std::size_t kTokens = 131;  // more than one part

// Mean KL of the definition, in double.
double divergence(const model::ModelSpec& spec, const engine::Norm& norm, const std::vector<double>& head,
                  const std::vector<double>& hidden, const std::vector<float>& teacher) {
  const std::size_t width = spec.width;
  const std::size_t vocab = spec.vocab;
  double total = 0;
  for (std::size_t t = 0; t < kTokens; ++t) {
    double square = 0;
    for (std::size_t i = 0; i < width; ++i) {
      square += hidden[t * width + i] * hidden[t * width + i] / static_cast<double>(width);
    }
    std::vector<double> z(vocab, 0.0);
    double sum_q = 0;
    double sum_p = 0;
    for (std::size_t v = 0; v < vocab; ++v) {
      for (std::size_t i = 0; i < width; ++i) {
        z[v] += head[v * width + i] * hidden[t * width + i] / std::sqrt(square + spec.norm_eps) *
                static_cast<double>(norm.weight[i]);
      }
      z[v] *= spec.logit_scale;
      if (spec.logit_cap != 0) z[v] = spec.logit_cap * std::tanh(z[v] / spec.logit_cap);
      sum_q += std::exp(z[v]);
      sum_p += std::exp(static_cast<double>(teacher[t * vocab + v]));
    }
    for (std::size_t v = 0; v < vocab; ++v) {
      const double log_p = teacher[t * vocab + v] - std::log(sum_p);
      total += std::exp(log_p) * (log_p - z[v] + std::log(sum_q));
    }
  }
  return total / static_cast<double>(kTokens);
}

class HeadGradientOf : public ::testing::TestWithParam<const char*> {};

TEST_P(HeadGradientOf, IsTheSlopeOfTheDivergence) {
  TinyModel model(tiny_path(), GetParam());
  model::ModelSpec spec = model.spec();
  if (spec.logit_cap != 0) spec.logit_cap = 3.0;  // bites
  const engine::Norm& norm = model.loaded->weights().output_norm;
  Rng rng(7);
  std::vector<float> head = testing::floats_of(model.loaded->weights().head);
  std::vector<float> hidden(kTokens * spec.width);
  for (float& x : hidden) x = static_cast<float>(rng.next_normal());
  std::vector<float> teacher(kTokens * static_cast<std::size_t>(spec.vocab));
  for (float& x : teacher) x = static_cast<float>(rng.next_normal());
  const TeacherLogits given = [&](std::size_t first, std::size_t count, float* out) {
    std::copy_n(teacher.data() + first * spec.vocab, count * spec.vocab, out);
  };
  HeadGradient grad(*model.runtime, spec);
  std::vector<float> by_hidden(hidden.size(), 9.0F);
  std::vector<float> by_head(head.size(), 0.0F);
  std::mutex lock;
  const TakeRows take = [&](std::size_t first, std::size_t count, const float* rows) {
    const std::scoped_lock hold(lock);
    for (std::size_t i = 0; i < count * spec.width; ++i) by_head[first * spec.width + i] += rows[i];
  };
  const Matrix matrix{head.data(), spec.vocab, spec.width};
  const double sum = grad.run(norm, matrix, hidden.data(), kTokens, given, by_hidden.data(), &take);
  std::vector<double> exact_head(head.begin(), head.end());
  std::vector<double> exact_hidden(hidden.begin(), hidden.end());
  const double loss = divergence(spec, norm, exact_head, exact_hidden, teacher);
  EXPECT_NEAR(sum / kTokens, loss, 1e-5 * loss);
  EXPECT_EQ(grad.run(norm, matrix, hidden.data(), kTokens, given, nullptr, nullptr), sum);

  const auto expect_slope = [&](std::vector<double>& x, const std::vector<float>& gradient,
                                const char* what) {
    const std::vector<double> before = x;
    std::vector<double> direction(x.size());
    double expected = 0;
    double scale = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      direction[i] = rng.next_normal();
      expected += gradient[i] * direction[i];
      scale += static_cast<double>(gradient[i]) * gradient[i];
    }
    constexpr double kStep = 1e-6;
    const auto at = [&](double sign) {
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = before[i] + sign * kStep * direction[i];
      return divergence(spec, norm, exact_head, exact_hidden, teacher);
    };
    const double slope = (at(1) - at(-1)) / (2 * kStep);
    x = before;
    EXPECT_NEAR(slope, expected, 1e-4 * std::sqrt(scale)) << what;
  };
  expect_slope(exact_hidden, by_hidden, "hidden states");
  expect_slope(exact_head, by_head, "head");
}

// granite scales its logits, gemma2 caps them.
INSTANTIATE_TEST_SUITE_P(Architectures, HeadGradientOf, ::testing::Values("llama", "granite", "gemma2"),
                         [](const auto& of) { return std::string(of.param); });

}  // namespace
}  // namespace mote::grad
