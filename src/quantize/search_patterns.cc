#include "quantize/search_patterns.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "codec/iq/nearest_pattern.h"
#include "tensor/float16.h"

namespace mote::quantize {
namespace {

constexpr std::size_t kSuper = 256;
// Below this a group counts as all zero: 1 / step must stay finite.
constexpr float kTiny = 1e-30F;

struct Iq2S {
  static constexpr std::size_t kGroups = 16;
  static constexpr std::size_t kPattern = 8;
  static constexpr std::size_t kBits = 2;
  static constexpr float kUnit = 0.25F;  // the step of a group is d * kUnit * (scale + 1/2)
  static constexpr float kTop = 43.0F;
  // Steps to try, as multiples of the one that puts the largest magnitude on kTop.
  static constexpr float kStretch[] = {0.80F, 0.86F, 0.92F, 0.98F, 1.04F, 1.11F, 1.19F, 1.28F};
  static constexpr const auto& kNearest = codec::kNearestIq2S;
  static constexpr const auto& kGrid = codec::kGridIq2S;
  static constexpr const auto& kValues = codec::kIq2Values;
};

struct Iq3S {
  static constexpr std::size_t kGroups = 8;
  static constexpr std::size_t kPattern = 4;
  static constexpr std::size_t kBits = 3;
  static constexpr float kUnit = 2.0F;
  static constexpr float kTop = 15.0F;
  static constexpr float kStretch[] = {0.84F, 0.89F, 0.94F, 0.99F, 1.04F, 1.09F, 1.15F, 1.22F};
  static constexpr const auto& kNearest = codec::kNearestIq3S;
  static constexpr const auto& kGrid = codec::kGridIq3S;
  static constexpr const auto& kValues = codec::kIq3SValues;
};

template <typename Format>
class Search {
  static constexpr std::size_t kGroup = kSuper / Format::kGroups;
  static constexpr std::size_t kPatterns = kSuper / Format::kPattern;
  static constexpr std::size_t kPerGroup = kGroup / Format::kPattern;

 public:
  // A whole super-block as it would be stored.
  struct Choice {
    std::array<std::uint16_t, kPatterns> patterns{};
    std::array<std::uint8_t, Format::kGroups> scales{};
    Half d = 0;
    float error = 0.0F;
  };

  Search(const float* x, const float* u) : u_(u) {
    for (std::size_t i = 0; i < kSuper; ++i) a_[i] = std::fabs(x[i]);
  }

  // The best choice found, starting from a given one.
  Choice run(Choice best) {
    best.error = error_of(best);
    float largest = 0.0F;
    for (std::size_t g = 0; g < Format::kGroups; ++g) {
      fits_[g] = free_fit(g);
      largest = std::max(largest, fits_[g].step());
    }
    if (largest < kTiny) return best;
    Half d = best_factor(largest);
    for (int round = 0; round < 3; ++round) {
      Choice choice = choose(d);
      if (choice.error < best.error) best = choice;
      const Half refitted = refit(choice);
      if (refitted == d) break;
      d = refitted;
    }
    return best;
  }

 private:
  // Sums over a group whose values are q: of u a q and u q^2.
  struct Fit {
    float aq = 0.0F;
    float qq = 0.0F;
    [[nodiscard]] float step() const { return qq > 0.0F ? aq / qq : 0.0F; }
    [[nodiscard]] float gain() const {
      return qq > 0.0F ? aq * aq / qq : 0.0F;
    }  // fall of the error from step 0
    // Fall of the error at another step.
    [[nodiscard]] float gain_at(float step) const { return step * (2.0F * aq - step * qq); }
  };

  static float value(std::uint16_t pattern, std::size_t i) {
    return Format::kValues[pattern >> (Format::kBits * i) & ((1U << Format::kBits) - 1U)];
  }

  // The closest patterns of a group at a step, and their sums.
  Fit fit_at(std::size_t group, float step, std::uint16_t* patterns) const {
    const float inverse = 1.0F / step;
    Fit fit;
    for (std::size_t p = 0; p < kPerGroup; ++p) {
      const std::size_t first = group * kGroup + p * Format::kPattern;
      float scaled[Format::kPattern];
      for (std::size_t i = 0; i < Format::kPattern; ++i) scaled[i] = a_[first + i] * inverse;
      patterns[p] = Format::kNearest.find(scaled, u_ + first);
      for (std::size_t i = 0; i < Format::kPattern; ++i) {
        const float q = value(Format::kGrid[patterns[p]], i);
        const float uq = u_[first + i] * q;
        fit.aq += uq * a_[first + i];
        fit.qq += uq * q;
      }
    }
    return fit;
  }

  // The best sums of a group under a step of any size.
  Fit free_fit(std::size_t group) const {
    const float largest = *std::max_element(a_ + group * kGroup, a_ + (group + 1) * kGroup);
    if (largest < kTiny) return {};
    std::uint16_t patterns[kPerGroup];
    Fit best;
    for (const float stretch : Format::kStretch) {
      const Fit fit = fit_at(group, largest / (Format::kTop * stretch), patterns);
      if (fit.gain() > best.gain()) best = fit;
    }
    // Patterns and step in turn: neither can make it worse.
    for (int round = 0; round < 2 && best.step() > kTiny; ++round) {
      const Fit fit = fit_at(group, best.step(), patterns);
      if (!(fit.gain() > best.gain())) break;
      best = fit;
    }
    return best;
  }

  static int nearest_scale(float step, float unit) {
    return std::clamp(static_cast<int>(std::min(step / unit, 16.0F)), 0,
                      15);  // floor(step / unit - 1/2 + 1/2)
  }

  // The factor under which the free fits lose least when their steps are rounded to it, patterns kept.
  Half best_factor(float largest_step) const {
    Half best = 0;
    float best_gain = -1.0F;
    for (int k = -8; k <= 16; ++k) {
      const float unit = largest_step / (15.5F + 0.5F * static_cast<float>(k));
      const Half d = float_to_half(unit / Format::kUnit);
      const float stored = half_to_float(d) * Format::kUnit;
      if (!(stored > kTiny) || !std::isfinite(stored)) continue;
      float gain = 0.0F;
      for (const Fit& fit : fits_) {
        const int scale = nearest_scale(fit.step(), stored);
        gain += fit.gain_at(stored * (static_cast<float>(scale) + 0.5F));
      }
      if (gain > best_gain) {
        best_gain = gain;
        best = d;
      }
    }
    return best;
  }

  // Scales and patterns under a factor: for each group the scale closest to its free step and both
  // neighbours.
  Choice choose(Half d) const {
    Choice out;
    out.d = d;
    const float unit = half_to_float(d) * Format::kUnit;
    if (!(unit > kTiny)) {
      out.error = error_of(out);
      return out;
    }
    for (std::size_t g = 0; g < Format::kGroups; ++g) {
      const int middle = nearest_scale(fits_[g].step(), unit);
      float best = -1.0F;
      for (int scale = std::max(middle - 1, 0); scale <= std::min(middle + 1, 15); ++scale) {
        std::uint16_t patterns[kPerGroup];
        const float step = unit * (static_cast<float>(scale) + 0.5F);
        const float gain = fit_at(g, step, patterns).gain_at(step);
        // Of a group of zeros nothing is gained; the smallest step loses least.
        if (scale == std::max(middle - 1, 0) || gain > best) {
          best = gain;
          out.scales[g] = static_cast<std::uint8_t>(scale);
          std::copy_n(patterns, kPerGroup, out.patterns.begin() + static_cast<std::ptrdiff_t>(g * kPerGroup));
        }
      }
    }
    out.error = error_of(out);
    return out;
  }

  // The best factor for scales and patterns as they are.
  Half refit(const Choice& choice) const {
    float aq = 0.0F;
    float qq = 0.0F;
    for (std::size_t i = 0; i < kSuper; ++i) {
      const float q = Format::kUnit * (static_cast<float>(choice.scales[i / kGroup]) + 0.5F) *
                      value(Format::kGrid[choice.patterns[i / Format::kPattern]], i % Format::kPattern);
      aq += u_[i] * a_[i] * q;
      qq += u_[i] * q * q;
    }
    return float_to_half(qq > 0.0F ? aq / qq : 0.0F);
  }

  float error_of(const Choice& choice) const {
    float error = 0.0F;
    const float unit = half_to_float(choice.d) * Format::kUnit;
    for (std::size_t i = 0; i < kSuper; ++i) {
      const float step = unit * (static_cast<float>(choice.scales[i / kGroup]) + 0.5F);
      const float e =
          a_[i] - step * value(Format::kGrid[choice.patterns[i / Format::kPattern]], i % Format::kPattern);
      error += u_[i] * (e * e);
    }
    return error;
  }

  float a_[kSuper];  // magnitudes
  const float* u_;
  std::array<Fit, Format::kGroups> fits_{};
};

void signs_of(const float* x, std::uint8_t* signs) {
  for (std::size_t j = 0; j < kSuper / 8; ++j) {
    int byte = 0;
    for (std::size_t i = 0; i < 8; ++i) byte |= (x[8 * j + i] < 0.0F ? 1 : 0) << i;
    signs[j] = static_cast<std::uint8_t>(byte);
  }
}

std::array<std::uint8_t, 16> nibbles_of(const std::uint8_t* bytes, std::size_t count) {
  std::array<std::uint8_t, 16> out{};
  for (std::size_t i = 0; i < count; ++i)
    out[i] = static_cast<std::uint8_t>(bytes[i / 2] >> (4 * (i % 2)) & 15);
  return out;
}

}  // namespace

void search_iq2_s(const float* x, const float* u, codec::BlockIq2S& out) {
  codec::encode_iq2_s(x, reinterpret_cast<std::byte*>(&out), 1);
  Search<Iq2S>::Choice plain;
  plain.d = out.d;
  plain.scales = nibbles_of(out.scales, 16);
  for (std::size_t j = 0; j < 32; ++j) {
    plain.patterns[j] = static_cast<std::uint16_t>(out.qs[j] | (out.qh[j / 4] >> (2 * (j % 4)) & 3) << 8);
  }
  const auto best = Search<Iq2S>(x, u).run(plain);
  std::uint8_t signs[32];
  signs_of(x, signs);
  codec::pack_iq2_s(best.patterns.data(), signs, best.scales.data(), best.d, out);
}

void search_iq3_s(const float* x, const float* u, codec::BlockIq3S& out) {
  codec::encode_iq3_s(x, reinterpret_cast<std::byte*>(&out), 1);
  Search<Iq3S>::Choice plain;
  plain.d = out.d;
  const auto scales = nibbles_of(out.scales, 8);
  std::copy_n(scales.begin(), 8, plain.scales.begin());
  for (std::size_t j = 0; j < 64; ++j) {
    plain.patterns[j] = static_cast<std::uint16_t>(out.qs[j] | (out.qh[j / 8] >> (j % 8) & 1) << 8);
  }
  const auto best = Search<Iq3S>(x, u).run(plain);
  std::uint8_t signs[32];
  signs_of(x, signs);
  codec::pack_iq3_s(best.patterns.data(), signs, best.scales.data(), best.d, out);
}

}  // namespace mote::quantize
