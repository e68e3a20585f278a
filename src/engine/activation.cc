#include "engine/activation.h"

#include <cmath>
#include <numbers>

namespace mote::engine {
namespace {

// Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016:
//   gelu(x) = x / 2 * (1 + erf(x / sqrt 2)), about x / 2 * (1 + tanh(c (x + a x^3))), c = sqrt(2 / pi)
constexpr float kCubic = 0.044715F;
constexpr float kTwoC = 1.5957691216057308F;  // 2 sqrt(2 / pi)

float gelu_erf(float x) {
  return 0.5F * x * (1.0F + std::erf(x * static_cast<float>(1.0 / std::numbers::sqrt2)));
}

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

}  // namespace

void activate_gated(const kernels::KernelTable& kernels, model::Activation f, float* gate, float* up,
                    std::size_t n) {
  switch (f) {
    case model::Activation::silu:
      kernels.silu_mul(gate, up, gate, n);
      return;
    case model::Activation::gelu_tanh:
      // (1 + tanh(z)) / 2 = 1 / (1 + exp(-2z)): with t = 2z = x m, m = 2c (1 + a x^2) > 0, gelu(x) is
      // silu(t) / m, and silu is a fast kernel.
      for (std::size_t i = 0; i < n; ++i) {
        const float m = kTwoC * (1.0F + kCubic * gate[i] * gate[i]);
        gate[i] *= m;
        up[i] /= m;
      }
      kernels.silu_mul(gate, up, gate, n);
      return;
    case model::Activation::gelu_erf:
      for (std::size_t i = 0; i < n; ++i) gate[i] = gelu_erf(gate[i]) * up[i];
      return;
  }
}

void activate(model::Activation f, float* x, std::size_t n) {
  switch (f) {
    case model::Activation::silu:
      for (std::size_t i = 0; i < n; ++i) x[i] *= sigmoid(x[i]);
      return;
    case model::Activation::gelu_tanh:
      for (std::size_t i = 0; i < n; ++i) x[i] *= sigmoid(kTwoC * x[i] * (1.0F + kCubic * x[i] * x[i]));
      return;
    case model::Activation::gelu_erf:
      for (std::size_t i = 0; i < n; ++i) x[i] = gelu_erf(x[i]);
      return;
  }
}

void soft_cap(float* x, std::size_t n, float cap) {
  const float inverse = 1.0F / cap;
  for (std::size_t i = 0; i < n; ++i) x[i] = cap * std::tanh(x[i] * inverse);
}

}  // namespace mote::engine
