#include "engine/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

namespace mote::engine {

namespace {

// How much of pair i's own frequency yarn keeps: 1 up to pair `low`, 0 from `high` on.
class YarnRamp {
 public:
  explicit YarnRamp(const model::RopeSpec& spec) {
    // The pair that turns so many times within the original context.
    const auto pair_of = [&](double turns) {
      return spec.dims * std::log(spec.original_context / (turns * 2.0 * std::numbers::pi)) /
             (2.0 * std::log(spec.base));
    };
    low_ = std::max(std::floor(pair_of(spec.beta_fast)), 0.0);
    high_ = std::min(std::ceil(pair_of(spec.beta_slow)), spec.dims - 1.0);
    if (low_ == high_) high_ += 0.001;  // as transformers does, lest it divides by 0
  }
  [[nodiscard]] float kept(std::size_t pair) const {
    const auto low = static_cast<float>(low_);
    const float ramp = (static_cast<float>(pair) - low) / static_cast<float>(high_ - low_);
    return 1.0F - std::clamp(ramp, 0.0F, 1.0F);
  }

 private:
  double low_ = 0;
  double high_ = 0;
};

const std::vector<float>& divisors_of(const model::RopeSpec& spec, std::size_t context) {
  if (spec.scaling != model::RopeScaling::longrope) return spec.divisors;
  return has_long_divisors(spec, context) ? spec.long_divisors : spec.short_divisors;
}

}  // namespace

bool has_long_divisors(const model::RopeSpec& spec, std::size_t context) {
  return spec.scaling == model::RopeScaling::longrope && context > spec.original_context;
}

Rope::Rope(const model::RopeSpec& spec, std::size_t context)
    : frequencies_(spec.dims / 2),
      magnitude_(static_cast<float>(spec.attention_factor)),
      adjacent_(spec.pairs == model::RopePairs::adjacent) {
  const std::vector<float>& divisors = divisors_of(spec, context);
  const bool yarn = spec.scaling == model::RopeScaling::yarn;
  const std::optional<YarnRamp> ramp = yarn ? std::optional<YarnRamp>(spec) : std::nullopt;
  const auto factor = static_cast<float>(spec.factor);
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(spec.dims);
    float frequency = 1.0F / static_cast<float>(std::pow(spec.base, static_cast<double>(exponent)));
    if (spec.scaling == model::RopeScaling::linear) frequency /= factor;
    if (ramp) {
      const float kept = ramp->kept(i);
      frequency = frequency / factor * (1.0F - kept) + frequency * kept;
    }
    if (!divisors.empty()) frequency /= divisors[i];
    frequencies_[i] = frequency;
  }
}

void Rope::angles(std::size_t position, float* out) const {
  const auto p = static_cast<float>(position);
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const float angle = p * frequencies_[i];
    out[i] = std::cos(angle) * magnitude_;
    out[frequencies_.size() + i] = std::sin(angle) * magnitude_;
  }
}

void Rope::apply(const kernels::KernelTable& kernels, const float* angles, float* x, std::size_t heads,
                 std::size_t stride) const {
  const auto turn = adjacent_ ? kernels.rope_adjacent : kernels.rope_halves;
  turn(x, heads, stride, pairs(), angles, angles + pairs());
}

}  // namespace mote::engine
