#include "grad/activation_gradient.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>

namespace mote::grad {
namespace {

using model::Activation;

double value(Activation f, double x) {
  switch (f) {
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::gelu_tanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::gelu_erf:
      return x / 2 * (1 + std::erf(x / std::numbers::sqrt2));
  }
  return 0;
}

class ActivationGradient : public ::testing::TestWithParam<Activation> {};

TEST_P(ActivationGradient, IsTheSlopeOfTheActivation) {
  for (float x = -9.0F; x <= 9.0F; x += 0.37F) {
    constexpr double kStep = 1e-5;
    const double at = x;
    const double slope = (value(GetParam(), at + kStep) - value(GetParam(), at - kStep)) / (2 * kStep);
    const float dz = -1.5F;
    float dx = 0;
    activation_gradient(GetParam(), &x, &dz, &dx, 1);
    EXPECT_NEAR(dx, dz * slope, 2e-6) << x;
    float gate = x;
    float up = 0.7F;
    gated_gradient(GetParam(), &gate, &up, &dz, &gate, &up, 1);
    EXPECT_NEAR(gate, dz * 0.7 * slope, 2e-6) << x;
    EXPECT_NEAR(up, dz * value(GetParam(), at), 1e-5) << x;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ActivationGradient,
                         ::testing::Values(Activation::silu, Activation::gelu_tanh, Activation::gelu_erf),
                         [](const auto& kind) {
                           return std::string(kind.param == Activation::silu        ? "silu"
                                              : kind.param == Activation::gelu_tanh ? "gelu_tanh"
                                                                                    : "gelu_erf");
                         });

}  // namespace
}  // namespace mote::grad
