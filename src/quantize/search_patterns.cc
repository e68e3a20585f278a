#include "quantize/search_patterns.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "codec/iq/nearest_pattern.h"

namespace mote::quantize {
namespace {

constexpr std::size_t kSuper = 256;
constexpr std::size_t kSigns = 8;  // elements of a byte of signs

// Magnitudes and signs of a super-block.
struct SignedTarget {
  explicit SignedTarget(const float* values) {
    for (std::size_t i = 0; i < kSuper; ++i) {
      x[i] = std::fabs(values[i]);
      signs[i / kSigns] =
          static_cast<std::uint8_t>(signs[i / kSigns] | (values[i] < 0.0F ? 1U : 0U) << (i % kSigns));
    }
    for (std::size_t j = 0; j < kSuper / kSigns; ++j) {
      odd[j] = codec::even_signs(signs[j] & 127U) != signs[j];
    }
  }
  float x[kSuper];
  std::uint8_t signs[kSuper / kSigns] = {};
  bool odd[kSuper / kSigns];  // an odd number of minus signs
};

// What the five formats share. Shape has kGroups, kPattern, kBits, kUnit, kTop, kStretch, kEven (signs in
// sevens), kNearest, kGrid, kValues.
template <typename Shape>
struct Signed : Shape {
  static constexpr std::size_t kScales = 16;
  static constexpr std::size_t kGroup = kSuper / Shape::kGroups;
  static constexpr std::size_t kPerGroup = kGroup / Shape::kPattern;
  static constexpr std::size_t kBytes = kGroup / kSigns;
  static constexpr std::size_t kPerByte = kSigns / Shape::kPattern;
  using Target = SignedTarget;

  struct Codes {
    std::uint16_t patterns[kPerGroup];
    std::uint8_t flips[kBytes];  // bit of the sign that is wrong, or 0
  };

  static float first_step(const Target& target, std::size_t group, const float*) {
    const float* x = target.x + group * kGroup;
    return *std::max_element(x, x + kGroup) / Shape::kTop;
  }

  static void nearest(const Target& target, std::size_t group, const float* scaled, const float* u,
                      Codes& codes) {
    for (std::size_t b = 0; b < kBytes; ++b) {
      const float* x = scaled + b * kSigns;
      const float* of = u + b * kSigns;
      std::uint16_t* patterns = codes.patterns + b * kPerByte;
      codes.flips[b] = 0;
      if (Shape::kEven && target.odd[group * kBytes + b]) {
        codes.flips[b] = nearest_odd(x, of, patterns);
        continue;
      }
      for (std::size_t p = 0; p < kPerByte; ++p) {
        patterns[p] = Shape::kNearest.find(x + p * Shape::kPattern, of + p * Shape::kPattern);
      }
    }
  }

  // One of eight signs has to be wrong: in one of the patterns.
  static std::uint8_t nearest_odd(const float* x, const float* u, std::uint16_t* patterns) {
    float least = 0.0F;
    std::uint8_t flip = 0;
    std::size_t where = 0;
    std::uint16_t pattern = 0;
    for (std::size_t p = 0; p < kPerByte; ++p) {
      const auto wrong = Shape::kNearest.match_flipped(x + p * Shape::kPattern, u + p * Shape::kPattern);
      float added = wrong.error;
      if constexpr (kPerByte > 1) {
        const auto right = Shape::kNearest.match(x + p * Shape::kPattern, u + p * Shape::kPattern);
        patterns[p] = right.pattern;
        added -= right.error;
      }
      if (p == 0 || added < least) {
        least = added;
        flip = static_cast<std::uint8_t>(1U << (p * Shape::kPattern + wrong.flipped));
        where = p;
        pattern = wrong.pattern;
      }
    }
    patterns[where] = pattern;
    return flip;
  }

  static void values(const Codes& codes, float* q) {
    for (std::size_t i = 0; i < kGroup; ++i) {
      const std::uint16_t pattern = Shape::kGrid[codes.patterns[i / Shape::kPattern]];
      const float magnitude =
          Shape::kValues[pattern >> (Shape::kBits * (i % Shape::kPattern)) & ((1U << Shape::kBits) - 1U)];
      q[i] = (codes.flips[i / kSigns] >> (i % kSigns) & 1) != 0 ? -magnitude : magnitude;
    }
  }
};

// The largest magnitude of a group is put near the largest level; and which steps from there are worth a try
// depends on how many levels lie below it.
struct TwoBits {
  static constexpr std::size_t kPattern = 8;
  static constexpr std::size_t kBits = 2;
  static constexpr int kRounds = 2;
  static constexpr float kUnit = 0.25F;
  static constexpr float kTop = 43.0F;
  static constexpr float kStretch[] = {1 / 0.80F, 1 / 0.86F, 1 / 0.92F, 1 / 0.98F,
                                       1 / 1.04F, 1 / 1.11F, 1 / 1.19F, 1 / 1.28F};
  static constexpr const auto& kValues = codec::kIq2Values;
};

struct ThreeBits {
  static constexpr std::size_t kPattern = 4;
  static constexpr std::size_t kBits = 3;
  static constexpr int kRounds = 2;
  static constexpr float kStretch[] = {1 / 0.84F, 1 / 0.89F, 1 / 0.94F, 1 / 0.99F,
                                       1 / 1.04F, 1 / 1.09F, 1 / 1.15F, 1 / 1.22F};
};

struct Iq2S : TwoBits {
  static constexpr std::size_t kGroups = 16;
  static constexpr bool kEven = false;
  static constexpr const auto& kNearest = codec::kNearestIq2S;
  static constexpr const auto& kGrid = codec::kGridIq2S;
};

struct Iq2Xs : TwoBits {
  static constexpr std::size_t kGroups = 16;
  static constexpr bool kEven = true;
  static constexpr const auto& kNearest = codec::kNearestIq2Xs;
  static constexpr const auto& kGrid = codec::kGridIq2Xs;
};

struct Iq2Xxs : TwoBits {
  static constexpr std::size_t kGroups = 8;
  static constexpr bool kEven = true;
  static constexpr const auto& kNearest = codec::kNearestIq2Xxs;
  static constexpr const auto& kGrid = codec::kGridIq2Xxs;
};

struct Iq3S : ThreeBits {
  static constexpr std::size_t kGroups = 8;
  static constexpr float kUnit = 2.0F;
  static constexpr float kTop = 15.0F;
  static constexpr bool kEven = false;
  static constexpr const auto& kNearest = codec::kNearestIq3S;
  static constexpr const auto& kGrid = codec::kGridIq3S;
  static constexpr const auto& kValues = codec::kIq3SValues;
};

struct Iq3Xxs : ThreeBits {
  static constexpr std::size_t kGroups = 8;
  static constexpr float kUnit = 0.5F;
  static constexpr float kTop = 62.0F;
  static constexpr bool kEven = true;
  static constexpr const auto& kNearest = codec::kNearestIq3Xxs;
  static constexpr const auto& kGrid = codec::kGridIq3Xxs;
  static constexpr const auto& kValues = codec::kIq3XxsValues;
};

std::array<std::uint8_t, 16> nibbles_of(const std::uint8_t* bytes, std::size_t count) {
  std::array<std::uint8_t, 16> out{};
  for (std::size_t i = 0; i < count; ++i)
    out[i] = static_cast<std::uint8_t>(bytes[i / 2] >> (4 * (i % 2)) & 15);
  return out;
}

// Patterns and signs as the codecs' packers want them.
template <typename Shape>
struct Stored {
  using Format = Signed<Shape>;
  Stored(const typename PatternSearch<Format>::Choice& choice, const SignedTarget& target) {
    for (std::size_t g = 0; g < Shape::kGroups; ++g) {
      std::copy_n(choice.codes[g].patterns, Format::kPerGroup, patterns + g * Format::kPerGroup);
      for (std::size_t b = 0; b < Format::kBytes; ++b) {
        const std::size_t j = g * Format::kBytes + b;
        signs[j] = target.signs[j] ^ choice.codes[g].flips[b];
      }
    }
  }
  std::uint16_t patterns[kSuper / Shape::kPattern];
  std::uint8_t signs[kSuper / kSigns];
};

template <typename Shape, typename Block, typename Pack>
void search(const float* x, const float* u, Gain gain,
            const typename PatternSearch<Signed<Shape>>::Choice& start, const Pack& pack, Block& out) {
  const SignedTarget target(x);
  const auto best = PatternSearch<Signed<Shape>>(target, u).run(start, gain);
  const Stored<Shape> stored(best, target);
  pack(stored.patterns, stored.signs, best.scales.data(), best.d, out);
}

}  // namespace

void search_iq2_s(const float* x, const float* u, Gain gain, codec::BlockIq2S& out) {
  codec::encode_iq2_s(x, reinterpret_cast<std::byte*>(&out), 1);
  PatternSearch<Signed<Iq2S>>::Choice plain;
  plain.d = out.d;
  plain.scales = nibbles_of(out.scales, 16);
  for (std::size_t j = 0; j < 32; ++j) {
    plain.codes[j / 2].patterns[j % 2] =
        static_cast<std::uint16_t>(out.qs[j] | (out.qh[j / 4] >> (2 * (j % 4)) & 3) << 8);
  }
  search<Iq2S>(x, u, gain, plain, codec::pack_iq2_s, out);
}

void search_iq3_s(const float* x, const float* u, Gain gain, codec::BlockIq3S& out) {
  codec::encode_iq3_s(x, reinterpret_cast<std::byte*>(&out), 1);
  PatternSearch<Signed<Iq3S>>::Choice plain;
  plain.d = out.d;
  const auto scales = nibbles_of(out.scales, 8);
  std::copy_n(scales.begin(), 8, plain.scales.begin());
  for (std::size_t j = 0; j < 64; ++j) {
    plain.codes[j / 8].patterns[j % 8] =
        static_cast<std::uint16_t>(out.qs[j] | (out.qh[j / 8] >> (j % 8) & 1) << 8);
  }
  search<Iq3S>(x, u, gain, plain, codec::pack_iq3_s, out);
}

void search_iq2_xxs(const float* x, const float* u, Gain gain, codec::BlockIq2Xxs& out) {
  search<Iq2Xxs>(x, u, gain, {}, codec::pack_iq2_xxs, out);
}

void search_iq2_xs(const float* x, const float* u, Gain gain, codec::BlockIq2Xs& out) {
  search<Iq2Xs>(x, u, gain, {}, codec::pack_iq2_xs, out);
}

void search_iq3_xxs(const float* x, const float* u, Gain gain, codec::BlockIq3Xxs& out) {
  search<Iq3Xxs>(x, u, gain, {}, codec::pack_iq3_xxs, out);
}

}  // namespace mote::quantize
