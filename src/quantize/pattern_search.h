// The search of the formats whose weights are patterns of a codebook: the steps of the groups, the
// super-block's factor and the closest codes of each group, all under one measure, sum(u * error^2).
//
// A group first gets the best step that it could have alone: from several starts, codes and step (least
// squares) in turn until nothing falls. Then the factor is sought under which these steps lose least when
// rounded to its multiples, the groups choose scale and codes again under that factor, the factor is fitted
// again to what they chose, until it stays.
//
// Least squares leaves an error that is orthogonal to what is stored, so of the weight's own direction a part
// r is missing, r being the relative error: 3 % to 20 % in these formats, and as much of the matrix's
// products, layer after layer. Where u is the importance of inputs (Gain::kept), the factor is raised in the
// end until sum(u x y) = sum(u x^2). That takes the error from r to r / (1 - r), and divergence falls all the
// same: docs/results.md.
//
// Why not in lanes as the other searches: finding a pattern skips most of a codebook, and what is skipped
// differs from stretch to stretch. Plain code, one for all instruction sets, so the bytes are the same on all
// of them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "tensor/float16.h"

namespace mote::quantize {

enum class Gain : std::uint8_t { least_squares, kept };

// Format has
//   kGroups, kScales         groups of a super-block; scale codes are 0 to kScales - 1
//   kUnit                    the step of a group is d * kUnit * (scale + 1/2)
//   kStretch                 first steps to try, as multiples of first_step()
//   Codes                    what is stored of a group besides its scale
//   Target(x)                the numbers to come close to (target.x, 256) and what else is fixed of them
//   first_step(target, group, u)   a step to begin with, 0 for a group of zeros; u: of the group
//   nearest(target, group, scaled, u, codes)  codes with the least error; scaled: the group over its step
//   values(codes, q)         what they stand for, in steps
template <typename Format>
class PatternSearch {
  static constexpr std::size_t kSuper = 256;
  static constexpr std::size_t kGroup = kSuper / Format::kGroups;
  static constexpr auto kScales = static_cast<int>(Format::kScales);
  // Below this a group counts as all zero: 1 / step must stay finite.
  static constexpr float kTiny = 1e-30F;

 public:
  using Target = typename Format::Target;
  using Codes = typename Format::Codes;

  // A whole super-block as it would be stored.
  struct Choice {
    std::array<Codes, Format::kGroups> codes{};
    std::array<std::uint8_t, Format::kGroups> scales{};
    Half d = 0;
    float error = 0.0F;
  };

  // u: what a unit of squared error costs at each of the 256, not negative.
  PatternSearch(const Target& target, const float* u) : target_(target), u_(u) {}

  // The choice of least error that was found, starting from a given one; with its gain as asked for.
  Choice run(const Choice& start, Gain gain) {
    Choice best = least_squares(start);
    if (gain == Gain::kept) restore_gain(best);
    return best;
  }

 private:
  Choice least_squares(Choice best) {
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

  // Raises the factor until sum(u x y) is sum(u x^2), but by a third at most: thus it is never worse than
  // zeros.
  void restore_gain(Choice& choice) const {
    constexpr float kMost = 4.0F / 3.0F;
    float xx = 0.0F;
    float xy = 0.0F;
    float q[kGroup];
    const float unit = half_to_float(choice.d) * Format::kUnit;
    for (std::size_t g = 0; g < Format::kGroups; ++g) {
      const float step = unit * (static_cast<float>(choice.scales[g]) + 0.5F);
      Format::values(choice.codes[g], q);
      for (std::size_t i = 0; i < kGroup; ++i) {
        const float ux = u_[g * kGroup + i] * target_.x[g * kGroup + i];
        xx += ux * target_.x[g * kGroup + i];
        xy += ux * (step * q[i]);
      }
    }
    if (!(xy > 0.0F) || !(xx > xy)) return;
    choice.d = float_to_half(half_to_float(choice.d) * std::min(xx / xy, kMost));
    choice.error = error_of(choice);
  }

  // Sums over a group whose values are q: of u x q and u q^2.
  struct Fit {
    float xq = 0.0F;
    float qq = 0.0F;
    [[nodiscard]] float step() const { return qq > 0.0F ? xq / qq : 0.0F; }
    [[nodiscard]] float gain() const {
      return qq > 0.0F && xq > 0.0F ? xq * xq / qq : 0.0F;
    }  // fall of the error from step 0
    // Fall of the error at another step.
    [[nodiscard]] float gain_at(float step) const { return step * (2.0F * xq - step * qq); }
  };

  // The closest codes of a group at a step, and their sums.
  Fit fit_at(std::size_t group, float step, Codes& codes) const {
    const float inverse = 1.0F / step;
    const float* x = target_.x + group * kGroup;
    const float* u = u_ + group * kGroup;
    float scaled[kGroup];
    float q[kGroup];
    for (std::size_t i = 0; i < kGroup; ++i) scaled[i] = x[i] * inverse;
    Format::nearest(target_, group, scaled, u, codes);
    Format::values(codes, q);
    Fit fit;
    for (std::size_t i = 0; i < kGroup; ++i) {
      const float uq = u[i] * q[i];
      fit.xq += uq * x[i];
      fit.qq += uq * q[i];
    }
    return fit;
  }

  // The best sums of a group under a step of any size.
  Fit free_fit(std::size_t group) const {
    const float first = Format::first_step(target_, group, u_ + group * kGroup);
    if (!(first * Format::kStretch[0] > kTiny)) return {};
    Codes codes;
    Fit best;
    for (const float stretch : Format::kStretch) {
      const Fit fit = fit_at(group, first * stretch, codes);
      if (fit.gain() > best.gain()) best = fit;
    }
    // Codes and step in turn: neither can make it worse.
    for (int round = 0; round < Format::kRounds && best.step() > kTiny; ++round) {
      const Fit fit = fit_at(group, best.step(), codes);
      if (!(fit.gain() > best.gain())) break;
      best = fit;
    }
    return best;
  }

  static int nearest_scale(float step, float unit) {  // floor(step / unit - 1/2 + 1/2)
    return std::clamp(static_cast<int>(std::min(step / unit, static_cast<float>(kScales))), 0, kScales - 1);
  }

  // The factor under which the free fits lose least when their steps are rounded to it, codes kept.
  Half best_factor(float largest_step) const {
    Half best = 0;
    float best_gain = -1.0F;
    // The largest step on 3/4 to 3/2 of the largest scale.
    for (int k = -8; k <= 16; ++k) {
      const float scale = static_cast<float>(kScales) * (1.0F + static_cast<float>(k) / 32.0F) - 0.5F;
      const float unit = largest_step / scale;
      const Half d = float_to_half(unit / Format::kUnit);
      const float stored = half_to_float(d) * Format::kUnit;
      if (!(stored > kTiny) || !std::isfinite(stored)) continue;
      float gain = 0.0F;
      for (const Fit& fit : fits_) {
        const int code = nearest_scale(fit.step(), stored);
        gain += fit.gain_at(stored * (static_cast<float>(code) + 0.5F));
      }
      if (gain > best_gain) {
        best_gain = gain;
        best = d;
      }
    }
    return best;
  }

  // Scales and codes under a factor: for each group the scale closest to its free step and both neighbours.
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
      const int first = std::max(middle - 1, 0);
      float best = -1.0F;
      for (int scale = first; scale <= std::min(middle + 1, kScales - 1); ++scale) {
        Codes codes;
        const float step = unit * (static_cast<float>(scale) + 0.5F);
        const float gain = fit_at(g, step, codes).gain_at(step);
        // Of a group of zeros nothing is gained; the smallest step loses least.
        if (scale == first || gain > best) {
          best = gain;
          out.scales[g] = static_cast<std::uint8_t>(scale);
          out.codes[g] = codes;
        }
      }
    }
    out.error = error_of(out);
    return out;
  }

  // The best factor for scales and codes as they are.
  Half refit(const Choice& choice) const {
    float xq = 0.0F;
    float qq = 0.0F;
    float q[kGroup];
    for (std::size_t g = 0; g < Format::kGroups; ++g) {
      const float steps = Format::kUnit * (static_cast<float>(choice.scales[g]) + 0.5F);
      Format::values(choice.codes[g], q);
      for (std::size_t i = 0; i < kGroup; ++i) {
        const float value = steps * q[i];
        const float u = u_[g * kGroup + i];
        xq += u * target_.x[g * kGroup + i] * value;
        qq += u * value * value;
      }
    }
    return float_to_half(qq > 0.0F ? xq / qq : 0.0F);
  }

  float error_of(const Choice& choice) const {
    float error = 0.0F;
    float q[kGroup];
    const float unit = half_to_float(choice.d) * Format::kUnit;
    for (std::size_t g = 0; g < Format::kGroups; ++g) {
      const float step = unit * (static_cast<float>(choice.scales[g]) + 0.5F);
      Format::values(choice.codes[g], q);
      for (std::size_t i = 0; i < kGroup; ++i) {
        const float e = target_.x[g * kGroup + i] - step * q[i];
        error += u_[g * kGroup + i] * (e * e);
      }
    }
    return error;
  }

  const Target& target_;
  const float* u_;
  std::array<Fit, Format::kGroups> fits_{};
};

}  // namespace mote::quantize
