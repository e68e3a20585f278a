#include "grad/norm_gradient.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace mote::grad {
namespace {

// sum of dy * norm(x), in double, as the papers define the norms.
double weighted_norm(const model::ModelSpec& spec, const std::vector<double>& x, const std::vector<float>& w,
                     const std::vector<float>& dy) {
  const auto n = static_cast<double>(x.size());
  double mean = 0;
  if (spec.norm == model::NormKind::layer) {
    for (const double v : x) mean += v / n;
  }
  double square = 0;
  for (const double v : x) square += (v - mean) * (v - mean) / n;
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += dy[i] * w[i] * (x[i] - mean) / std::sqrt(square + spec.norm_eps);
  }
  return sum;
}

class NormGradient : public ::testing::TestWithParam<model::NormKind> {};

TEST_P(NormGradient, IsTheSlopeOfTheNorm) {
  model::ModelSpec spec;
  spec.norm = GetParam();
  spec.norm_eps = 1e-2;  // large enough to show where it is left out
  constexpr std::size_t kN = 37;
  Rng rng(2);
  std::vector<float> x(kN), w(kN), dy(kN), dx(kN, 3.0F);
  for (std::size_t i = 0; i < kN; ++i) {
    x[i] = 0.5F + static_cast<float>(rng.next_normal());
    w[i] = 1.0F + 0.3F * static_cast<float>(rng.next_normal());
    dy[i] = static_cast<float>(rng.next_normal());
  }
  add_norm_gradient(spec, x.data(), w.data(), dy.data(), dx.data(), kN);
  std::vector<double> moved(x.begin(), x.end());
  for (std::size_t i = 0; i < kN; ++i) {
    constexpr double kStep = 1e-5;
    moved[i] = x[i] + kStep;
    const double up = weighted_norm(spec, moved, w, dy);
    moved[i] = x[i] - kStep;
    const double down = weighted_norm(spec, moved, w, dy);
    moved[i] = x[i];
    EXPECT_NEAR(dx[i] - 3.0F, (up - down) / (2 * kStep), 2e-6) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, NormGradient, ::testing::Values(model::NormKind::rms, model::NormKind::layer),
                         [](const auto& kind) {
                           return kind.param == model::NormKind::rms ? "rms" : "layer";
                         });

}  // namespace
}  // namespace mote::grad
