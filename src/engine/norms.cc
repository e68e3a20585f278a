#include "engine/norms.h"

#include <array>
#include <cmath>

namespace mote::engine {
namespace {

constexpr std::size_t kLanes = 8;

// Element i goes to lane i % 8; lanes are added in order. The same bits for any vector width.
template <typename F>
double lane_sum(std::size_t n, const F& value) {
  std::array<double, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) lanes[l] += value(i + l);
  }
  for (std::size_t l = 0; i < n; ++i, ++l) lanes[l] += value(i);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

void layer_norm(const float* x, const float* weight, const float* bias, float* out, std::size_t n,
                float eps) {
  const auto count = static_cast<double>(n);
  const double mean = lane_sum(n, [&](std::size_t i) { return static_cast<double>(x[i]); }) / count;
  const double variance = lane_sum(n,
                                   [&](std::size_t i) {
                                     const double d = static_cast<double>(x[i]) - mean;
                                     return d * d;
                                   }) /
                          count;
  const auto scale = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(eps)));
  const auto middle = static_cast<float>(mean);
  for (std::size_t i = 0; i < n; ++i) out[i] = (x[i] - middle) * scale * weight[i];
  if (bias == nullptr) return;
  for (std::size_t i = 0; i < n; ++i) out[i] += bias[i];
}

void apply_norm(const kernels::KernelTable& kernels, const model::ModelSpec& spec, const float* x,
                const float* weight, const float* bias, float* out, std::size_t n) {
  const auto eps = static_cast<float>(spec.norm_eps);
  if (spec.norm == model::NormKind::layer) {
    layer_norm(x, weight, bias, out, n, eps);
  } else {
    kernels.rms_norm(x, weight, out, n, eps);
  }
}

}  // namespace mote::engine
