#include "grad/norm_gradient.h"

#include <cmath>

namespace mote::grad {
namespace {

// y = x s w, s = (mean x^2 + eps)^(-1/2):  dx = s w dy - x s^3 mean(w dy x)
void add_rms(double eps, const float* x, const float* w, const float* dy, float* dx, std::size_t n) {
  double squares = 0;
  double along = 0;
  for (std::size_t i = 0; i < n; ++i) {
    squares += static_cast<double>(x[i]) * x[i];
    along += static_cast<double>(w[i]) * dy[i] * x[i];
  }
  const auto count = static_cast<double>(n);
  const double s = 1.0 / std::sqrt(squares / count + eps);
  const double back = s * s * s * along / count;
  for (std::size_t i = 0; i < n; ++i) {
    dx[i] += static_cast<float>(s * static_cast<double>(w[i]) * dy[i] - back * x[i]);
  }
}

// y = z w + b, z = (x - mean) s, s = (variance + eps)^(-1/2):  dx = s (w dy - mean(w dy) - z mean(w dy z))
void add_layer(double eps, const float* x, const float* w, const float* dy, float* dx, std::size_t n) {
  const auto count = static_cast<double>(n);
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i) mean += x[i] / count;
  double variance = 0;
  for (std::size_t i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean) / count;
  const double s = 1.0 / std::sqrt(variance + eps);
  double mean_g = 0;
  double along = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double g = static_cast<double>(w[i]) * dy[i];
    mean_g += g / count;
    along += g * (x[i] - mean) * s / count;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double g = static_cast<double>(w[i]) * dy[i];
    dx[i] += static_cast<float>(s * (g - mean_g - (x[i] - mean) * s * along));
  }
}

}  // namespace

void add_norm_gradient(const model::ModelSpec& spec, const float* x, const float* weight, const float* dy,
                       float* dx, std::size_t n) {
  (spec.norm == model::NormKind::layer ? add_layer : add_rms)(spec.norm_eps, x, weight, dy, dx, n);
}

}  // namespace mote::grad
