#include "engine/rope.h"

#include <cmath>

namespace mote::engine {

Rope::Rope(const model::RopeSpec& spec)
    : frequencies_(spec.dims / 2), adjacent_(spec.pairs == model::RopePairs::adjacent) {
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(spec.dims);
    float frequency = 1.0F / static_cast<float>(std::pow(spec.base, static_cast<double>(exponent)));
    if (spec.scaling == model::RopeScaling::linear) frequency /= static_cast<float>(spec.factor);
    if (!spec.divisors.empty()) frequency /= spec.divisors[i];
    frequencies_[i] = frequency;
  }
}

void Rope::angles(std::size_t position, float* out) const {
  const auto p = static_cast<float>(position);
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const float angle = p * frequencies_[i];
    out[i] = std::cos(angle);
    out[frequencies_.size() + i] = std::sin(angle);
  }
}

void Rope::apply(const kernels::KernelTable& kernels, const float* angles, float* x, std::size_t heads,
                 std::size_t stride) const {
  const auto turn = adjacent_ ? kernels.rope_adjacent : kernels.rope_halves;
  turn(x, heads, stride, pairs(), angles, angles + pairs());
}

}  // namespace mote::engine
