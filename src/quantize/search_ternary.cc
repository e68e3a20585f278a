#include "quantize/search_ternary.h"

#include <algorithm>
#include <cmath>

#include "codec/iq/nearest_pattern.h"

namespace mote::quantize {
namespace {

constexpr std::size_t kSuper = 256;
constexpr std::size_t kPattern = 8;
constexpr float kShift = 0.125F;

struct PlainTarget {
  const float* x;
};

// groups: of a super-block; with one shift for kShared patterns.
template <std::size_t Groups, std::size_t Shared>
struct Ternary {
  static constexpr std::size_t kGroups = Groups;
  static constexpr std::size_t kScales = 8;
  static constexpr float kUnit = 2.0F;  // d (2 scale + 1)
  static constexpr int kRounds = 3;
  static constexpr float kStretch[] = {0.8F, 0.95F, 1.1F, 1.3F, 1.5F, 1.8F};
  static constexpr std::size_t kGroup = kSuper / Groups;
  static constexpr std::size_t kPerGroup = kGroup / kPattern;
  static constexpr std::size_t kShifts = kPerGroup / Shared;
  using Target = PlainTarget;

  struct Codes {
    std::uint16_t patterns[kPerGroup];
    bool down[kShifts];
  };

  // Root of the weighted mean square: ternary codes are 0 below about half their step.
  static float first_step(const Target& target, std::size_t group, const float* u) {
    const float* x = target.x + group * kGroup;
    float squares = 0.0F;
    float weights = 0.0F;
    for (std::size_t i = 0; i < kGroup; ++i) {
      squares += u[i] * (x[i] * x[i]);
      weights += u[i];
    }
    return weights > 0.0F ? std::sqrt(squares / weights) : 0.0F;
  }

  static void nearest(const Target&, std::size_t, const float* scaled, const float* u, Codes& codes) {
    for (std::size_t s = 0; s < kShifts; ++s) {
      std::uint16_t found[2][Shared];
      float error[2] = {0.0F, 0.0F};
      for (const std::size_t down : {0U, 1U}) {
        const float shift = down != 0 ? -kShift : kShift;
        for (std::size_t p = 0; p < Shared; ++p) {
          const std::size_t first = (s * Shared + p) * kPattern;
          float x[kPattern];
          for (std::size_t i = 0; i < kPattern; ++i) x[i] = scaled[first + i] - shift;
          const auto match = codec::kNearestIq1.match(x, u + first);
          found[down][p] = match.pattern;
          error[down] += match.error;
        }
      }
      codes.down[s] = error[1] < error[0];
      std::copy_n(found[codes.down[s] ? 1 : 0], Shared, codes.patterns + s * Shared);
    }
  }

  static void values(const Codes& codes, float* q) {
    for (std::size_t i = 0; i < kGroup; ++i) {
      const std::uint16_t pattern = codec::kGridIq1[codes.patterns[i / kPattern]];
      const auto level = static_cast<float>(static_cast<int>(pattern >> (2 * (i % kPattern)) & 3U) - 1);
      q[i] = level + (codes.down[i / kPattern / Shared] ? -kShift : kShift);
    }
  }
};

template <typename Format, typename Pack, typename Block>
void search(const float* x, const float* u, Gain gain, const Pack& pack, Block& out) {
  const PlainTarget target{x};
  const auto best = PatternSearch<Format>(target, u).run({}, gain);
  std::uint16_t patterns[kSuper / kPattern];
  bool down[kSuper / kPattern];
  for (std::size_t g = 0; g < Format::kGroups; ++g) {
    std::copy_n(best.codes[g].patterns, Format::kPerGroup, patterns + g * Format::kPerGroup);
    std::copy_n(best.codes[g].down, Format::kShifts, down + g * Format::kShifts);
  }
  pack(patterns, down, best.scales.data(), best.d, out);
}

}  // namespace

void search_iq1_s(const float* x, const float* u, Gain gain, codec::BlockIq1S& out) {
  search<Ternary<8, 4>>(x, u, gain, codec::pack_iq1_s, out);
}

void search_iq1_m(const float* x, const float* u, Gain gain, codec::BlockIq1M& out) {
  search<Ternary<16, 1>>(x, u, gain, codec::pack_iq1_m, out);
}

}  // namespace mote::quantize
