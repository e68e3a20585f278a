// Where each bit of the formats with codebooks lies, by blocks written by hand, and the search for the
// closest pattern against all patterns. The codebooks themselves are compared in
// tests/oracles/codec_oracle.py.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "codec/codec.h"
#include "codec/iq/grids.h"
#include "codec/iq/iq1_m.h"
#include "codec/iq/iq1_s.h"
#include "codec/iq/iq2_s.h"
#include "codec/iq/iq2_xs.h"
#include "codec/iq/iq2_xxs.h"
#include "codec/iq/iq3_s.h"
#include "codec/iq/iq3_xxs.h"
#include "codec/iq/nearest_pattern.h"

namespace mote::codec {
namespace {

std::vector<float> decode_bytes(CodecId id, const std::map<std::size_t, int>& bytes) {
  const Codec& codec = codec_of(id);
  std::vector<std::byte> block(codec.block_bytes);
  for (const auto& [offset, value] : bytes) block.at(offset) = static_cast<std::byte>(value);
  std::vector<float> x(codec.block_elements);
  codec.decode(block.data(), x.data(), 1);
  return x;
}

// Element i of a pattern.
template <std::size_t kBits>
std::size_t level(std::uint16_t pattern, std::size_t i) {
  return pattern >> (kBits * i) & ((1U << kBits) - 1U);
}

float iq2(const std::uint16_t* grid, std::size_t index, std::size_t i) {
  return kIq2Values[level<2>(grid[index], i)];
}

// Pattern 0 of IQ1 is -1 in all elements, of IQ2 8, of IQ3_XXS 4, of IQ3_S 1.
TEST(Iq1SBytes, IndicesScalesAndShifts) {
  // Sub-block 0: scale 2 * 1 + 1, shift -1/8. Pattern 1 of sub-block 0 has index 5 + 256 * 7; the last
  // pattern of sub-block 7 has 1 + 256 * 4, scale 15.
  const auto x =
      decode_bytes(CodecId::iq1_s, {{1, 0x3C}, {3, 5}, {33, 1}, {34, 7 << 3}, {35, 0x90}, {49, 0x78}});
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(x[i], 3 * (-1 - 0.125F));
    EXPECT_EQ(x[8 + i], 3 * (static_cast<float>(level<2>(kGridIq1[5 + 1792], i)) - 1 - 0.125F));
    EXPECT_EQ(x[32 + i], -1 + 0.125F);
    EXPECT_EQ(x[248 + i], 15 * (static_cast<float>(level<2>(kGridIq1[1 + 1024], i)) - 1 + 0.125F));
  }
}

TEST(Iq1MBytes, TheScaleIsSpreadOverFourWords) {
  // d = 0x3C00 = 1: nibbles 0, 0, C, 3 on top of the four words. Sub-block 1: scale 2 * 5 + 1; patterns 2 and
  // 3 of it with index 256 * 2 + 9 and shift -1/8, and 1 with shift 1/8.
  const auto x = decode_bytes(
      CodecId::iq1_m,
      {{2, 9}, {3, 1}, {33, 0x0A}, {48, 5 << 3}, {53, 0xC0}, {55, 0x30 | 7 << 1}, {31, 3}, {47, 0x80}});
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(x[i], -1 + 0.125F);
    EXPECT_EQ(x[16 + i], 11 * (static_cast<float>(level<2>(kGridIq1[521], i)) - 1 - 0.125F));
    EXPECT_EQ(x[24 + i], 11 * (static_cast<float>(level<2>(kGridIq1[1], i)) - 1 + 0.125F));
    EXPECT_EQ(x[248 + i], 15 * (static_cast<float>(level<2>(kGridIq1[3], i)) - 1 - 0.125F));
  }
}

TEST(Iq2XxsBytes, FourIndicesThenSignsAndScale) {
  // Sub-block 7: indices at bytes 58 to 61, word at 62. Signs of pattern 3: 1000001 and so an even number:
  // bit 7 clear.
  const auto x =
      decode_bytes(CodecId::iq2_xxs, {{1, 0x3C}, {2, 7}, {6, 1}, {61, 200}, {64, 0x20}, {65, 0x38}});
  for (std::size_t i = 0; i < 8; ++i) {
    const bool negative = i == 0 || i == 7;  // one sign bit set: the eighth makes it two
    EXPECT_EQ(x[i], (negative ? -1.0F : 1.0F) * iq2(kGridIq2Xxs, 7, i) / 8);
    EXPECT_EQ(x[224 + i], 3.5F / 4 * 8);
    EXPECT_EQ(x[248 + i], (i == 0 || i == 6 ? -1.0F : 1.0F) * 3.5F / 4 * iq2(kGridIq2Xxs, 200, i));
  }
}

TEST(Iq2XsBytes, NineBitsOfIndexSevenOfSigns) {
  const auto x =
      decode_bytes(CodecId::iq2_xs, {{1, 0x3C}, {2, 0xFF}, {3, 0x03}, {64, 4}, {66, 0x21}, {73, 0xF0}});
  for (std::size_t i = 0; i < 8; ++i) {
    const bool negative = i == 0 || i == 7;
    EXPECT_EQ(x[i], (negative ? -1.0F : 1.0F) * 1.5F / 4 * iq2(kGridIq2Xs, 511, i));
    EXPECT_EQ(x[16 + i], 2.5F / 4 * 8);  // high nibble of the first scale byte
    EXPECT_EQ(x[248 + i], 15.5F / 4 * iq2(kGridIq2Xs, 4, i));
  }
}

TEST(Iq2SBytes, SignsAndHighBitsOnTheirOwn) {
  const auto x = decode_bytes(CodecId::iq2_s,
                              {{1, 0x3C}, {3, 9}, {35, 0x81}, {66, 3 << 2}, {73, 0x40}, {74, 1}, {81, 0x50}});
  for (std::size_t i = 0; i < 8; ++i) {
    const bool negative = i == 0 || i == 7;
    EXPECT_EQ(x[8 + i], (negative ? -1.0F : 1.0F) * 1.5F / 4 * iq2(kGridIq2S, 9 + 768, i));
    EXPECT_EQ(x[248 + i], 5.5F / 4 * iq2(kGridIq2S, 256, i));
    EXPECT_EQ(x[240 + i], 5.5F / 4 * iq2(kGridIq2S, 0, i));
  }
}

// docs/formats/gguf-blocks.md
TEST(WorkedExample, OfIq2S) {
  const auto x = decode_bytes(CodecId::iq2_s, {{1, 0x3C}, {3, 0x09}, {35, 0x81}, {66, 0x0C}, {74, 0x01}});
  const float second[8] = {-3, 16.125F, 3, 3, 9.375F, 3, 16.125F, -9.375F};
  for (std::size_t i = 0; i < 256; ++i) {
    EXPECT_EQ(x[i], i >= 8 && i < 16 ? second[i - 8] : i < 16 ? 3.0F : 1.0F) << i;
  }
}

TEST(Iq3XxsBytes, PairsOfPatternsShareSevenSigns) {
  const auto x = decode_bytes(CodecId::iq3_xxs, {{1, 0x3C}, {3, 17}, {65, 200}, {66, 1}, {97, 0x20}});
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(x[i], (i == 0 ? -1.0F : 1.0F) / 4 * 4);
    EXPECT_EQ(x[4 + i], (i == 3 ? -1.0F : 1.0F) / 4 * kIq3XxsValues[level<3>(kGridIq3Xxs[17], i)]);
    EXPECT_EQ(x[252 + i], 2.5F / 2 * kIq3XxsValues[level<3>(kGridIq3Xxs[200], i)]);
  }
}

TEST(Iq3SBytes, HighBitsSignsAndScalesOnTheirOwn) {
  const auto x = decode_bytes(CodecId::iq3_s,
                              {{1, 0x3C}, {3, 9}, {66, 2}, {73, 0x80}, {74, 0x81}, {106, 2}, {109, 0x30}});
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(x[i], (i == 0 ? -1.0F : 1.0F) * 5);
    EXPECT_EQ(x[4 + i], (i == 3 ? -1.0F : 1.0F) * 5 * kIq3SValues[level<3>(kGridIq3S[9 + 256], i)]);
    EXPECT_EQ(x[252 + i], 7.0F * kIq3SValues[level<3>(kGridIq3S[256], i)]);
    EXPECT_EQ(x[192 + i], 1);
  }
}

TEST(EvenSigns, HaveAnEvenNumber) {
  for (std::uint32_t seven = 0; seven < 128; ++seven) {
    EXPECT_EQ(even_signs(seven) & 127U, seven);
    EXPECT_EQ(__builtin_popcount(even_signs(seven)) % 2, 0);
  }
}

TEST(PatternPacking, IsUndoneByUnpacking) {
  std::mt19937 engine(3);
  std::uint16_t patterns[64];
  std::uint8_t signs[32];
  std::uint8_t scale_codes[16];
  for (auto& p : patterns) p = static_cast<std::uint16_t>(engine() % 1024);
  for (auto& s : signs) s = static_cast<std::uint8_t>(engine());
  for (auto& s : scale_codes) s = static_cast<std::uint8_t>(engine() % 16);
  std::vector<float> x(256);
  BlockIq2S two;
  pack_iq2_s(patterns, signs, scale_codes, 0x3C00, two);
  decode_iq2_s(reinterpret_cast<const std::byte*>(&two), x.data(), 1);
  for (std::size_t i = 0; i < 256; ++i) {
    const float sign = (signs[i / 8] >> (i % 8) & 1) != 0 ? -1.0F : 1.0F;
    EXPECT_EQ(x[i], sign * (static_cast<float>(scale_codes[i / 16]) + 0.5F) / 4 *
                        iq2(kGridIq2S, patterns[i / 8], i % 8));
  }
  for (auto& p : patterns) p = static_cast<std::uint16_t>(p % 512);
  BlockIq3S three;
  pack_iq3_s(patterns, signs, scale_codes, 0x3C00, three);
  decode_iq3_s(reinterpret_cast<const std::byte*>(&three), x.data(), 1);
  for (std::size_t i = 0; i < 256; ++i) {
    const float sign = (signs[i / 8] >> (i % 8) & 1) != 0 ? -1.0F : 1.0F;
    EXPECT_EQ(x[i], sign * static_cast<float>(2 * scale_codes[i / 32] + 1) *
                        kIq3SValues[level<3>(kGridIq3S[patterns[i / 4]], i % 4)]);
  }
}

TEST(PatternPacking, OfSevenSignsIsUndoneByUnpacking) {
  std::mt19937 engine(4);
  std::uint16_t patterns[64];
  std::uint8_t signs[32];
  std::uint8_t scale_codes[16];
  for (auto& p : patterns) p = static_cast<std::uint16_t>(engine() % 512);
  for (auto& s : signs) s = even_signs(engine() % 128);
  for (auto& s : scale_codes) s = static_cast<std::uint8_t>(engine() % 16);
  const auto sign = [&](std::size_t i) { return (signs[i / 8] >> (i % 8) & 1) != 0 ? -1.0F : 1.0F; };
  const auto step = [&](std::size_t group) { return static_cast<float>(scale_codes[group]) + 0.5F; };
  std::vector<float> x(256);
  BlockIq2Xs xs;
  pack_iq2_xs(patterns, signs, scale_codes, 0x3C00, xs);
  decode_iq2_xs(reinterpret_cast<const std::byte*>(&xs), x.data(), 1);
  for (std::size_t i = 0; i < 256; ++i) {
    EXPECT_EQ(x[i], sign(i) * step(i / 16) / 4 * iq2(kGridIq2Xs, patterns[i / 8], i % 8));
  }
  for (auto& p : patterns) p = static_cast<std::uint16_t>(p % 256);
  BlockIq2Xxs xxs;
  pack_iq2_xxs(patterns, signs, scale_codes, 0x3C00, xxs);
  decode_iq2_xxs(reinterpret_cast<const std::byte*>(&xxs), x.data(), 1);
  for (std::size_t i = 0; i < 256; ++i) {
    EXPECT_EQ(x[i], sign(i) * step(i / 32) / 4 * iq2(kGridIq2Xxs, patterns[i / 8], i % 8));
  }
  BlockIq3Xxs three;
  pack_iq3_xxs(patterns, signs, scale_codes, 0x3C00, three);
  decode_iq3_xxs(reinterpret_cast<const std::byte*>(&three), x.data(), 1);
  for (std::size_t i = 0; i < 256; ++i) {
    const float magnitude = kIq3XxsValues[level<3>(kGridIq3Xxs[patterns[i / 4]], i % 4)];
    EXPECT_EQ(x[i], sign(i) * step(i / 32) / 2 * magnitude);
  }
}

TEST(PatternPacking, OfShiftsIsUndoneByUnpacking) {
  std::mt19937 engine(5);
  std::uint16_t patterns[32];
  bool down[32];
  std::uint8_t scale_codes[16];
  for (auto& p : patterns) p = static_cast<std::uint16_t>(engine() % 2048);
  for (auto& s : down) s = engine() % 2 == 0;
  for (auto& s : scale_codes) s = static_cast<std::uint8_t>(engine() % 8);
  const auto value = [&](std::size_t i, std::size_t group, bool shift_down) {
    const float ternary = static_cast<float>(level<2>(kGridIq1[patterns[i / 8]], i % 8)) - 1.0F;
    return 1.375F * static_cast<float>(2 * scale_codes[group] + 1) *
           (ternary + (shift_down ? -0.125F : 0.125F));
  };
  constexpr Half kD = 0x3D80;  // 1.375: bits in three of its four nibbles
  std::vector<float> x(256);
  BlockIq1S s;
  pack_iq1_s(patterns, down, scale_codes, kD, s);
  decode_iq1_s(reinterpret_cast<const std::byte*>(&s), x.data(), 1);
  for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(x[i], value(i, i / 32, down[i / 32])) << i;
  BlockIq1M m;
  pack_iq1_m(patterns, down, scale_codes, kD, m);
  EXPECT_EQ(m.d(), kD);
  decode_iq1_m(reinterpret_cast<const std::byte*>(&m), x.data(), 1);
  for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(x[i], value(i, i / 16, down[i / 8])) << i;
}

// Errors of all patterns in double; the search works in float, so equals may be taken for one another.
template <std::size_t kElements, std::size_t kBits, typename Nearest, std::size_t kSize>
void expect_nearest(const Nearest& nearest, const std::uint16_t (&grid)[kSize], const std::int8_t* values,
                    float spread) {
  std::mt19937 engine(9);
  std::exponential_distribution<float> exponential(1.0F / spread);
  for (int round = 0; round < 3000; ++round) {
    float magnitudes[kElements];
    float weights[kElements];
    for (float& m : magnitudes) m = exponential(engine);
    for (float& w : weights) w = round % 3 == 0 ? 1.0F : exponential(engine);
    if (round % 7 == 0) magnitudes[0] = 0;
    const auto error = [&](std::uint16_t pattern) {
      double sum = 0;
      for (std::size_t i = 0; i < kElements; ++i) {
        const double e = static_cast<double>(magnitudes[i]) - values[level<kBits>(pattern, i)];
        sum += static_cast<double>(weights[i]) * e * e;
      }
      return sum;
    };
    double best = INFINITY;
    for (const std::uint16_t pattern : grid) best = std::min(best, error(pattern));
    ASSERT_LE(error(grid[nearest.find(magnitudes, weights)]), best * (1 + 1e-5) + 1e-5) << "round " << round;
  }
}

TEST(NearestPattern, IsTheBestOfAll) {
  expect_nearest<8, 2>(kNearestIq1, kGridIq1, kIq1Levels, 0.7F);
  expect_nearest<8, 2>(kNearestIq2Xxs, kGridIq2Xxs, kIq2Values, 20.0F);
  expect_nearest<8, 2>(kNearestIq2Xs, kGridIq2Xs, kIq2Values, 20.0F);
  expect_nearest<8, 2>(kNearestIq2S, kGridIq2S, kIq2Values, 20.0F);
  expect_nearest<4, 3>(kNearestIq3Xxs, kGridIq3Xxs, kIq3XxsValues, 25.0F);
  expect_nearest<4, 3>(kNearestIq3S, kGridIq3S, kIq3SValues, 6.0F);
}

// All patterns with each of their signs wrong.
template <std::size_t kElements, std::size_t kBits, typename Nearest, std::size_t kSize>
void expect_nearest_flipped(const Nearest& nearest, const std::uint16_t (&grid)[kSize],
                            const std::int8_t* values, float spread) {
  std::mt19937 engine(10);
  std::exponential_distribution<float> exponential(1.0F / spread);
  for (int round = 0; round < 3000; ++round) {
    float magnitudes[kElements];
    float weights[kElements];
    for (float& m : magnitudes) m = exponential(engine);
    for (float& w : weights) w = round % 3 == 0 ? 1.0F : exponential(engine);
    if (round % 7 == 0) magnitudes[1] = 0;
    if (round % 11 == 0) weights[2] = 0;
    const auto error = [&](std::uint16_t pattern, std::size_t flipped) {
      double sum = 0;
      for (std::size_t i = 0; i < kElements; ++i) {
        const double q = values[level<kBits>(pattern, i)];
        const double e = static_cast<double>(magnitudes[i]) - (i == flipped ? -q : q);
        sum += static_cast<double>(weights[i]) * e * e;
      }
      return sum;
    };
    double best = INFINITY;
    for (const std::uint16_t pattern : grid) {
      for (std::size_t i = 0; i < kElements; ++i) best = std::min(best, error(pattern, i));
    }
    const auto found = nearest.match_flipped(magnitudes, weights);
    ASSERT_LT(found.flipped, kElements);
    ASSERT_LE(error(grid[found.pattern], found.flipped), best * (1 + 1e-5) + 1e-5) << "round " << round;
    ASSERT_NEAR(found.error, best, best * 1e-5 + 1e-5) << "round " << round;
  }
}

TEST(NearestPattern, WithOneSignWrongIsTheBestOfAll) {
  expect_nearest_flipped<8, 2>(kNearestIq2Xxs, kGridIq2Xxs, kIq2Values, 20.0F);
  expect_nearest_flipped<8, 2>(kNearestIq2Xs, kGridIq2Xs, kIq2Values, 20.0F);
  expect_nearest_flipped<4, 3>(kNearestIq3Xxs, kGridIq3Xxs, kIq3XxsValues, 25.0F);
}

TEST(EncodePatterns, ReturnPatternsExactly) {
  std::vector<float> x(256);
  for (std::size_t i = 0; i < 256; ++i)
    x[i] = (i % 3 == 0 ? -1.0F : 1.0F) * iq2(kGridIq2S, 31 * (i / 8), i % 8);
  // Each sub-block must reach 43, or its scale would be another.
  for (std::size_t g = 0; g < 16; ++g) {
    x[16 * g] = 43;
    for (std::size_t i = 1; i < 8; ++i) x[16 * g + i] = 8;
  }
  BlockIq2S block;
  encode_iq2_s(x.data(), reinterpret_cast<std::byte*>(&block), 1);
  std::vector<float> y(256);
  decode_iq2_s(reinterpret_cast<const std::byte*>(&block), y.data(), 1);
  // d is a half next to 1 / 3.875.
  for (std::size_t i = 0; i < 256; ++i) EXPECT_NEAR(y[i], x[i], std::fabs(x[i]) * 0x1p-10F) << i;
}

}  // namespace
}  // namespace mote::codec
