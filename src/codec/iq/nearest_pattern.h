// The pattern of a codebook that is closest to a group of magnitudes, exactly, without looking at all of
// them.
//
// The error of a pattern is a sum over its elements, so it is that of its lower half plus that of its upper
// half, and there are few halves (81 of four elements with three levels, 64 of two with eight). The errors of
// all halves are computed once; then, for one upper half after the other, only the lower halves that the
// codebook joins with it are added, and an upper half that is already too bad with the best lower half is
// skipped. Rounding every element on its own gives the pattern at once where the codebook has it.
#pragma once

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

  // Index of the pattern with the least sum of weights[i] (magnitudes[i] - value[i])^2; of equal ones any,
  // but always the same. magnitudes and weights are not negative.
  [[nodiscard]] std::uint16_t find(const float* magnitudes, const float* weights) const {
    float errors[kElements][kLevels];
    float least[2] = {0.0F, 0.0F};
    std::size_t rounded[2] = {0, 0};
    std::size_t place = 1;
    for (std::size_t i = 0; i < kElements; ++i) {
      if (i == kHalf) place = 1;
      std::size_t level = 0;
      for (std::size_t l = 0; l < kLevels; ++l) {
        const float difference = magnitudes[i] - values_[l];
        errors[i][l] = weights[i] * (difference * difference);
        level = errors[i][l] < errors[i][level] ? l : level;
      }
      least[i / kHalf] += errors[i][level];
      rounded[i / kHalf] += level * place;
      place *= kLevels;
    }
    const std::uint16_t direct = on_grid_[rounded[0] + kHalves * rounded[1]];
    if (direct != kNone) return direct;
    float low[kHalves];
    float high[kHalves];
    all_halves(errors, low);
    all_halves(errors + kHalf, high);
    Best best{std::numeric_limits<float>::infinity(), 0};
    scan(rounded[1], low, high, best);
    for (std::size_t h = 0; h < kHalves; ++h) {
      if (high[h] + least[0] < best.error) scan(h, low, high, best);
    }
    return best.pattern;
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
  };

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

inline constexpr NearestPattern<8, 3, 2, 1024> kNearestIq2S(kGridIq2S, kIq2Values);
inline constexpr NearestPattern<4, 8, 3, 512> kNearestIq3S(kGridIq3S, kIq3SValues);

}  // namespace mote::codec
