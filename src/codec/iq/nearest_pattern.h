// The pattern of a codebook that is closest to a group of magnitudes, exactly, without looking at all of
// them.
//
// The error of a pattern is a sum over its elements, so it is that of its lower half plus that of its upper
// half, and there are few halves (81 of four elements with three levels, 64 of two with eight). The errors of
// all halves are computed once; then, for one upper half after the other, only the lower halves that the
// codebook joins with it are added, and an upper half that is already too bad with the best lower half is
// skipped. Rounding every element on its own gives the pattern at once where the codebook has it.
//
// Where signs come in sevens (IQ2_XXS, IQ2_XS, IQ3_XXS) an odd number of minus signs cannot be stored, and
// one element must take the wrong sign. Which one, and the pattern, are found together in the same way: each
// half has a second error, that with the cheapest of its signs wrong.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "codec/iq/grids.h"

namespace mote::codec {

// kElements: of a pattern, kBits each; values: of the kLevels levels, ascending. The grid must be ascending,
// so that patterns with the same upper half are neighbours.
template <std::size_t kElements, std::size_t kLevels, std::size_t kBits, std::size_t kSize>
class NearestPattern {
 public:
  static constexpr std::size_t kHalf = kElements / 2;

  consteval NearestPattern(const std::uint16_t (&grid)[kSize], const std::int8_t* values) {
    for (std::size_t l = 0; l < kLevels; ++l) values_[l] = static_cast<float>(values[l]);
    first_.fill(0);
    on_grid_.fill(kNone);
    for (std::size_t p = 0; p < kSize; ++p) {
      const std::size_t low = half_number(grid[p]);
      const std::size_t high = half_number(static_cast<std::uint16_t>(grid[p] >> (kBits * kHalf)));
      lows_[p] = static_cast<std::uint8_t>(low);
      on_grid_[low + kHalves * high] = static_cast<std::uint16_t>(p);
      if (count_[high] == 0) first_[high] = static_cast<std::uint16_t>(p);
      ++count_[high];
    }
  }

  // A pattern, its error, and the element whose sign is wrong in it: none, or kElements.
  struct Match {
    std::uint16_t pattern;
    std::uint8_t flipped;
    float error;
  };

  // Index of the pattern with the least sum of weights[i] (values[i] - level[i])^2; of equal ones any, but
  // always the same. Weights are not negative.
  [[nodiscard]] std::uint16_t find(const float* values, const float* weights) const {
    return match(values, weights).pattern;
  }
  [[nodiscard]] Match match(const float* values, const float* weights) const {
    const Errors e = errors_of(values, weights);
    const std::uint16_t direct = on_grid_[e.rounded[0] + kHalves * e.rounded[1]];
    if (direct != kNone) return {direct, kElements, e.least[0] + e.least[1]};
    float low[kHalves];
    float high[kHalves];
    all_halves(e.of, low);
    all_halves(e.of + kHalf, high);
    Best best{std::numeric_limits<float>::infinity(), 0};
    scan(e.rounded[1], low, high, best);
    for (std::size_t h = 0; h < kHalves; ++h) {
      if (high[h] + e.least[0] < best.error) scan(h, low, high, best);
    }
    return {best.pattern, kElements, best.error};
  }

  // The same with the sign of exactly one element wrong: there the error is weights[i] (values[i] +
  // level[i])^2. Values must not be negative.
  [[nodiscard]] Match match_flipped(const float* values, const float* weights) const {
    const Errors e = errors_of(values, weights);
    float extra[kElements][kLevels];  // what a wrong sign adds
    float least_extra = std::numeric_limits<float>::infinity();
    for (std::size_t i = 0; i < kElements; ++i) {
      for (std::size_t l = 0; l < kLevels; ++l) extra[i][l] = 4.0F * weights[i] * values[i] * values_[l];
      least_extra = std::min(least_extra, extra[i][0]);
    }
    const std::uint16_t direct = on_grid_[e.rounded[0] + kHalves * e.rounded[1]];
    if (direct != kNone) {
      const std::uint8_t flipped = cheapest(extra, e.levels);
      // No other pattern is closer, and no sign costs less.
      const float added = extra[flipped][e.levels[flipped]];
      if (added <= least_extra) return {direct, flipped, e.least[0] + e.least[1] + added};
    }
    float low[2][kHalves];  // all signs right, one wrong
    float high[2][kHalves];
    all_halves(e.of, low[0]);
    all_halves(e.of + kHalf, high[0]);
    cheapest_of_halves(extra, low[1]);
    cheapest_of_halves(extra + kHalf, high[1]);
    float least_wrong = std::numeric_limits<float>::infinity();
    for (std::size_t h = 0; h < kHalves; ++h) {
      low[1][h] += low[0][h];
      high[1][h] += high[0][h];
      least_wrong = std::min(least_wrong, low[1][h]);
    }
    Best best{std::numeric_limits<float>::infinity(), 0};
    scan_flipped(e.rounded[1], low, high, best);
    for (std::size_t h = 0; h < kHalves; ++h) {
      const float bound = std::min(high[0][h] + least_wrong, high[1][h] + e.least[0]);
      if (bound < best.error) scan_flipped(h, low, high, best);
    }
    std::size_t levels[kElements];
    levels_of(lows_[best.pattern], levels);
    levels_of(best.high, levels + kHalf);
    return {best.pattern, cheapest(extra, levels), best.error};
  }

 private:
  static constexpr std::size_t kHalves = [] {
    std::size_t n = 1;
    for (std::size_t i = 0; i < kHalf; ++i) n *= kLevels;
    return n;
  }();
  static constexpr std::uint16_t kNone = 0xFFFF;

  struct Best {
    float error;
    std::uint16_t pattern;
    std::size_t high = 0;
  };

  // Of each level of each element, and the sums of the least of each half.
  struct Errors {
    float of[kElements][kLevels];
    std::size_t levels[kElements];  // of the least errors
    float least[2] = {0.0F, 0.0F};
    std::size_t rounded[2] = {0, 0};
  };

  Errors errors_of(const float* values, const float* weights) const {
    Errors e;
    std::size_t place = 1;
    for (std::size_t i = 0; i < kElements; ++i) {
      if (i == kHalf) place = 1;
      std::size_t level = 0;
      for (std::size_t l = 0; l < kLevels; ++l) {
        const float difference = values[i] - values_[l];
        e.of[i][l] = weights[i] * (difference * difference);
        level = e.of[i][l] < e.of[i][level] ? l : level;
      }
      e.levels[i] = level;
      e.least[i / kHalf] += e.of[i][level];
      e.rounded[i / kHalf] += level * place;
      place *= kLevels;
    }
    return e;
  }

  // The element whose sign costs least at these levels.
  static std::uint8_t cheapest(const float (*extra)[kLevels], const std::size_t* levels) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < kElements; ++i) {
      if (extra[i][levels[i]] < extra[best][levels[best]]) best = i;
    }
    return static_cast<std::uint8_t>(best);
  }

  // Levels of a half's elements from its number.
  static void levels_of(std::size_t half, std::size_t* levels) {
    for (std::size_t i = 0; i < kHalf; ++i, half /= kLevels) levels[i] = half % kLevels;
  }

  // Levels of kHalf elements as digits of one number.
  static constexpr std::size_t half_number(std::uint16_t pattern) {
    std::size_t number = 0;
    for (std::size_t i = kHalf; i-- > 0;) {
      number = number * kLevels + (pattern >> (kBits * i) & ((1U << kBits) - 1U));
    }
    return number;
  }

  static void all_halves(const float (*errors)[kLevels], float* sums) {
    std::size_t n = kLevels;
    for (std::size_t l = 0; l < kLevels; ++l) sums[l] = errors[0][l];
    for (std::size_t i = 1; i < kHalf; ++i, n *= kLevels) {
      for (std::size_t l = kLevels; l-- > 0;) {
        for (std::size_t k = 0; k < n; ++k) sums[l * n + k] = sums[k] + errors[i][l];
      }
    }
  }

  static void cheapest_of_halves(const float (*extra)[kLevels], float* least) {
    std::size_t n = kLevels;
    for (std::size_t l = 0; l < kLevels; ++l) least[l] = extra[0][l];
    for (std::size_t i = 1; i < kHalf; ++i, n *= kLevels) {
      for (std::size_t l = kLevels; l-- > 0;) {
        for (std::size_t k = 0; k < n; ++k) least[l * n + k] = std::min(least[k], extra[i][l]);
      }
    }
  }

  void scan_flipped(std::size_t half, const float (*low)[kHalves], const float (*high)[kHalves],
                    Best& best) const {
    for (std::size_t p = first_[half]; p < static_cast<std::size_t>(first_[half]) + count_[half]; ++p) {
      const float error = std::min(high[0][half] + low[1][lows_[p]], high[1][half] + low[0][lows_[p]]);
      if (error < best.error) best = {error, static_cast<std::uint16_t>(p), half};
    }
  }

  void scan(std::size_t half, const float* low, const float* high, Best& best) const {
    for (std::size_t p = first_[half]; p < static_cast<std::size_t>(first_[half]) + count_[half]; ++p) {
      const float error = high[half] + low[lows_[p]];
      if (error < best.error) best = {error, static_cast<std::uint16_t>(p)};
    }
  }

  std::array<float, kLevels> values_{};
  std::array<std::uint16_t, kHalves> first_{};  // pattern of each upper half
  std::array<std::uint16_t, kHalves> count_{};
  std::array<std::uint8_t, kSize> lows_{};                  // lower half of each pattern
  std::array<std::uint16_t, kHalves * kHalves> on_grid_{};  // pattern of two halves, or kNone
};

inline constexpr std::int8_t kIq1Levels[3] = {-1, 0, 1};  // without the shift

inline constexpr NearestPattern<8, 3, 2, 2048> kNearestIq1(kGridIq1, kIq1Levels);
inline constexpr NearestPattern<8, 3, 2, 256> kNearestIq2Xxs(kGridIq2Xxs, kIq2Values);
inline constexpr NearestPattern<8, 3, 2, 512> kNearestIq2Xs(kGridIq2Xs, kIq2Values);
inline constexpr NearestPattern<8, 3, 2, 1024> kNearestIq2S(kGridIq2S, kIq2Values);
inline constexpr NearestPattern<4, 8, 3, 256> kNearestIq3Xxs(kGridIq3Xxs, kIq3XxsValues);
inline constexpr NearestPattern<4, 8, 3, 512> kNearestIq3S(kGridIq3S, kIq3SValues);

}  // namespace mote::codec
