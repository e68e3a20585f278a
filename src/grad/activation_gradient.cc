#include "grad/activation_gradient.h"

#include <cmath>
#include <numbers>

namespace mote::grad {
namespace {

struct Value {
  float f;
  float slope;
};

// x sigmoid(k x (1 + a x^2)); a = 0, k = 1 is silu, and gelu's tanh form has k = 2 sqrt(2 / pi).
Value by_sigmoid(float x, float k, float a) {
  const float inner = k * x * (1.0F + a * x * x);
  const float s = 1.0F / (1.0F + std::exp(-inner));
  return {x * s, s + x * s * (1.0F - s) * k * (1.0F + 3.0F * a * x * x)};
}

Value gelu_erf(float x) {
  const float below = 0.5F * (1.0F + std::erf(x * static_cast<float>(1.0 / std::numbers::sqrt2)));
  const float density =
      std::exp(-0.5F * x * x) * static_cast<float>(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return {x * below, below + x * density};
}

Value value_of(model::Activation f, float x) {
  switch (f) {
    case model::Activation::silu:
      return by_sigmoid(x, 1.0F, 0.0F);
    case model::Activation::gelu_tanh:
      return by_sigmoid(x, 1.5957691216057308F, 0.044715F);
    case model::Activation::gelu_erf:
      return gelu_erf(x);
  }
  return {};
}

}  // namespace

void gated_gradient(model::Activation f, const float* gate, const float* up, const float* dz, float* dgate,
                    float* dup, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const Value v = value_of(f, gate[i]);
    const float of_gate = dz[i] * up[i] * v.slope;
    dup[i] = dz[i] * v.f;
    dgate[i] = of_gate;
  }
}

void activation_gradient(model::Activation f, const float* x, const float* dz, float* dx, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) dx[i] = dz[i] * value_of(f, x[i]).slope;
}

}  // namespace mote::grad
