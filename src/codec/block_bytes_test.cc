// Where each bit of a block lies: blocks written by hand from the byte tables of docs/formats/gguf-blocks.md,
// zero except for a few bytes, and what must come out. pack() is then the inverse of unpack() for random
// codes.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "codec/codec.h"
#include "codec/iq4_nl.h"
#include "codec/iq4_xs.h"
#include "codec/q2_k.h"
#include "codec/q3_k.h"
#include "codec/q4_0.h"
#include "codec/q4_1.h"
#include "codec/q4_k.h"
#include "codec/q5_0.h"
#include "codec/q5_1.h"
#include "codec/q5_k.h"
#include "codec/q6_k.h"
#include "codec/q8_0.h"

namespace mote::codec {
namespace {

constexpr Half kOne = 0x3C00;
constexpr Half kHalf = 0x3800;
constexpr Half kMinusTwo = 0xC000;

// Bytes by offset, zero elsewhere.
std::vector<float> decode_bytes(CodecId id, const std::map<std::size_t, int>& bytes) {
  const Codec& codec = codec_of(id);
  std::vector<std::byte> block(codec.block_bytes);
  for (const auto& [offset, value] : bytes) block.at(offset) = static_cast<std::byte>(value);
  std::vector<float> x(codec.block_elements);
  codec.decode(block.data(), x.data(), 1);
  return x;
}

// All elements are `rest` except those named.
void expect_elements(const std::vector<float>& x, float rest, const std::map<std::size_t, float>& named) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto found = named.find(i);
    EXPECT_EQ(x[i], found == named.end() ? rest : found->second) << "element " << i;
  }
}

// For blocks whose sub-blocks differ: only the named elements are looked at.
void expect_only(const std::vector<float>& x, const std::map<std::size_t, float>& named) {
  for (const auto& [i, value] : named) EXPECT_EQ(x[i], value) << "element " << i;
}

TEST(Q40Bytes, NibblesHoldElementsSixteenApartMinusEight) {
  const auto x = decode_bytes(CodecId::q4_0, {{0, 0x00}, {1, 0x3C}, {2, 0xF0}, {17, 0x1A}});
  expect_elements(x, -8, {{0, -8}, {16, 7}, {15, 2}, {31, -7}});
}

TEST(Q41Bytes, MinimumFollowsTheScale) {
  const auto x = decode_bytes(CodecId::q4_1, {{1, 0x38}, {3, 0xC0}, {4, 0xF1}});  // d = 0.5, m = -2
  expect_elements(x, -2, {{0, -1.5F}, {16, 5.5F}});
}

TEST(Q50Bytes, FifthBitsStandInElementOrder) {
  const auto x = decode_bytes(CodecId::q5_0, {{1, 0x3C}, {2, 0x01}, {5, 0x80}, {6, 0x05}, {21, 0x70}});
  expect_elements(x, -16, {{0, 5}, {31, 7}});  // 16 + 5 - 16 and 16 + 7 - 16
}

TEST(Q51Bytes, FifthBitsFollowTheMinimum) {
  const auto x = decode_bytes(CodecId::q5_1, {{1, 0x38}, {3, 0xC0}, {5, 0x80}, {8, 0x10}, {23, 0x03}});
  expect_elements(x, -2, {{15, -2 + 0.5F * 19}, {16, -1.5F}});
}

TEST(Q80Bytes, AreSignedAndInOrder) {
  const auto x = decode_bytes(CodecId::q8_0, {{1, 0x38}, {2, 0x7F}, {3, 0x80}, {33, 0xFF}});
  expect_elements(x, 0, {{0, 63.5F}, {1, -64}, {31, -0.5F}});
}

TEST(Q2KBytes, ScaleNibbleIsLowMinNibbleHighAndTwoBitsStepByThirtyTwo) {
  // Sub-block 0: scale 3, min 2. Sub-block 15: scale 15, min 1. d = 1, dmin = 0.5.
  const auto x =
      decode_bytes(CodecId::q2_k, {{0, 0x23}, {15, 0x1F}, {16, 0x03}, {79, 0xC0}, {81, 0x3C}, {83, 0x38}});
  expect_only(x, {{0, 3.0F * 3 - 1}, {1, -1}, {15, -1}, {16, 0}, {32, 0}, {239, 0}, {240, -0.5F}});
  expect_only(x, {{255, 15.0F * 3 - 0.5F}});  // last byte, bits 6 and 7: 128 + 32 * 3 + 31
}

TEST(Q3KBytes, HighBitPlaneTwoBitsAndScatteredScales) {
  // Sub-block 0: low nibble of byte 96, bits 0-1 of byte 104. Sub-block 13: high nibble of byte 101, bits 6-7
  // of byte 105. Scale codes 33 (1 + 32) and 54 (6 + 48), so scales 1 and 22; all others -32.
  const auto x = decode_bytes(
      CodecId::q3_k, {{0, 0x01}, {32, 0x02}, {96, 0x01}, {104, 0x02}, {101, 0x60}, {105, 0xC0}, {109, 0x3C}});
  expect_only(x, {{0, 2}, {1, -4}, {15, -4}, {16, 128}, {208, -88}, {223, -88}, {224, 128}});
  const auto high = decode_bytes(CodecId::q3_k, {{31, 0x80}, {95, 0xC0}, {109, 0x3C}});
  expect_elements(high, 128, {{255, -32.0F * 3}});  // code 3 + 4
}

TEST(Q4KBytes, SixBitScalesSpreadOverTwelveBytes) {
  // Sub-block 1: scale 5, min 7. Sub-block 6: scale 0x2B (low 0xB, high 2), min 0x35 (low 5, high 3).
  const auto x = decode_bytes(CodecId::q4_k, {{1, 0x3C},  // d = 1
                                              {3, 0x38},  // dmin = 0.5
                                              {5, 5},
                                              {9, 7},  // scale 1, min 1
                                              {6, 0x80},
                                              {10, 0xC0},
                                              {14, 0x5B},  // scale 6, min 6
                                              {16, 0xF3},
                                              {112, 0x04},
                                              {143, 0x90}});
  expect_only(x, {{0, 0}, {32, 15.0F * 5 - 3.5F}, {33, -3.5F}, {63, -3.5F}, {64, 0}});
  expect_only(x, {{192, 4.0F * 43 - 0.5F * 53}, {193, -0.5F * 53}, {223, -0.5F * 53}, {224, 0}, {255, 0}});
}

TEST(Q5KBytes, FifthBitPlaneStepsByThirtyTwo) {
  const auto x = decode_bytes(
      CodecId::q5_k,
      {{1, 0x3C}, {4, 2}, {7, 0x40}, {15, 0x01}, {16, 0x01}, {47, 0x80}, {48, 0x03}, {175, 0xF0}});
  // Sub-block 0: scale 2. Sub-block 7: low nibble 1 of byte 15, high bits 01 of byte 7: 17.
  expect_elements(x, 0, {{0, 2.0F * 19}, {255, 17.0F * 31}});
}

TEST(Q6KBytes, NibblesStepBySixtyFourAndTopBitsByThirtyTwo) {
  const auto x = decode_bytes(CodecId::q6_k, {{0, 0x5A},    // elements 0 and 64, low bits
                                              {63, 0x0F},   // element 63
                                              {128, 0x23},  // top bits: 3 of 0, 0 of 32, 2 of 64
                                              {191, 0xC0},  // top bits of element 255
                                              {192, 1},
                                              {195, 2},
                                              {196, 0xFF},
                                              {207, 0x80},
                                              {209, 0x3C}});
  expect_only(x, {{0, 0x3A - 32}, {1, -32}, {64, -(0x25 - 32.0F)}, {63, 2 * (15.0F - 32)}, {65, 32}});
  expect_only(x, {{16, 0}, {255, -128.0F * (48 - 32)}, {254, 128.0F * 32}});
}

TEST(Iq4NlBytes, CodesNameTableValues) {
  const auto x = decode_bytes(CodecId::iq4_nl, {{1, 0x38}, {2, 0x8F}});
  expect_elements(x, -63.5F, {{0, 56.5F}, {16, 0.5F}});
}

TEST(Iq4XsBytes, ScaleLowBitsByPairsAndHighBitsInOneWord) {
  // Sub-block 0: code 0x21 (scale 1). Sub-block 7: code 0x1F (scale -1). The others: code 0, scale -32.
  const auto x = decode_bytes(
      CodecId::iq4_xs, {{1, 0x3C}, {2, 0x02}, {3, 0x40}, {4, 0x01}, {7, 0xF0}, {8, 0xF8}, {135, 0x70}});
  expect_only(x, {{0, 1}, {16, 113}, {1, -127}, {32, 32.0F * 127}, {224, 127}, {255, 10}});
}

// --- pack
// The worked examples of docs/formats/gguf-blocks.md, whole.
TEST(WorkedExample, OfQ40) {
  const std::uint8_t bytes[18] = {0x00, 0xB8, 0xF0, 0xE1, 0xD2, 0xC3, 0xB4, 0xA5, 0x96,
                                  0x87, 0x78, 0x69, 0x5A, 0x4B, 0x3C, 0x2D, 0x1E, 0x0F};
  float x[32];
  decode_q4_0(reinterpret_cast<const std::byte*>(bytes), x, 1);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(x[i], 4.0F - 0.5F * static_cast<float>(i));
    EXPECT_EQ(x[i + 16], -3.5F + 0.5F * static_cast<float>(i));
  }
  // The encoder comes to the same bytes: +4 is the first value of largest magnitude.
  std::byte again[18];
  encode_q4_0(x, again, 1);
  EXPECT_EQ(std::memcmp(again, bytes, 18), 0);
}

TEST(WorkedExample, OfQ4K) {
  BlockQ4K block{.d = 0x3400,
                 .dmin = 0x3000,
                 .scales = {0x41, 0x82, 0xC3, 0xC4, 0x05, 0x46, 0x87, 0xC8, 0xA5, 0xB6, 0xC7, 0xDF},
                 .qs = {0x1F, 0x20}};
  block.qs[112 - 16] = 0xC4;
  block.qs[143 - 16] = 0xF0;
  std::vector<float> x(256);
  decode_q4_k(reinterpret_cast<const std::byte*>(&block), x.data(), 1);
  expect_only(x, {{0, 3.125F}, {32, -0.25F}, {33, 0.25F}, {192, 49.5F}, {224, 181.375F}, {255, 228.625F}});
  expect_only(x, {{1, -0.625F}, {34, -0.75F}, {64, -0.875F}, {193, -5.5F}, {225, -7.625F}});
}

class Packing : public ::testing::Test {
 protected:
  std::vector<std::uint8_t> codes(std::size_t n, unsigned below) {
    std::vector<std::uint8_t> c(n);
    for (auto& v : c) v = static_cast<std::uint8_t>(engine_() % below);
    return c;
  }

  // Unpacks `block` and compares codes with `codes`, scales with d * scale, minima with dmin * min.
  template <typename Block>
  void expect_unpacked(const Block& block, const IntegerForm& form, const std::vector<std::uint8_t>& codes,
                       const std::vector<float>& scales, const std::vector<float>& mins) {
    std::vector<std::byte> bytes(sizeof(Block));
    std::memcpy(bytes.data(), &block, sizeof(Block));
    const std::size_t groups = Block::kElements / form.group_elements;
    std::vector<std::uint8_t> codes_out(Block::kElements);
    std::vector<float> scales_out(groups);
    std::vector<float> mins_out(groups);
    form.unpack(bytes.data(), codes_out.data(), scales_out.data(), mins_out.data());
    EXPECT_EQ(codes_out, codes);
    EXPECT_EQ(scales_out, scales);
    EXPECT_EQ(mins_out, mins);
  }

  static std::vector<float> times(float d, const std::vector<std::uint8_t>& codes, int offset) {
    std::vector<float> out;
    out.reserve(codes.size());
    for (const int c : codes) out.push_back(d * static_cast<float>(c - offset));
    return out;
  }

  std::mt19937 engine_{17};
};

TEST_F(Packing, OfSimpleBlocksIsUndoneByUnpacking) {
  const auto c4 = codes(32, 16);
  const auto c5 = codes(32, 32);
  const auto c8 = codes(32, 256);
  BlockQ40 q40;
  pack_q4_0(c4.data(), kHalf, q40);
  expect_unpacked(q40, kFormQ40, c4, {0.5F}, {0});
  BlockQ41 q41;
  pack_q4_1(c4.data(), kHalf, kMinusTwo, q41);
  expect_unpacked(q41, kFormQ41, c4, {0.5F}, {2});
  BlockQ50 q50;
  pack_q5_0(c5.data(), kHalf, q50);
  expect_unpacked(q50, kFormQ50, c5, {0.5F}, {0});
  BlockQ51 q51;
  pack_q5_1(c5.data(), kHalf, kMinusTwo, q51);
  expect_unpacked(q51, kFormQ51, c5, {0.5F}, {2});
  BlockQ80 q80;
  pack_q8_0(c8.data(), kHalf, q80);
  expect_unpacked(q80, kFormQ80, c8, {0.5F}, {0});
  BlockIq4Nl iq4;
  pack_iq4_nl(c4.data(), kHalf, iq4);
  expect_unpacked(iq4, kFormIq4Nl, c4, {0.5F}, {0});
}

TEST_F(Packing, OfSuperBlocksIsUndoneByUnpacking) {
  const std::vector<float> no_min8(8, 0.0F);
  const std::vector<float> no_min16(16, 0.0F);
  for (int round = 0; round < 20; ++round) {
    {
      const auto c = codes(256, 4);
      const auto s = codes(16, 16);
      const auto m = codes(16, 16);
      BlockQ2K block;
      pack_q2_k(c.data(), s.data(), m.data(), kOne, kHalf, block);
      expect_unpacked(block, kFormQ2K, c, times(1, s, 0), times(0.5F, m, 0));
    }
    {
      const auto c = codes(256, 8);
      const auto s = codes(16, 64);
      BlockQ3K block;
      pack_q3_k(c.data(), s.data(), kHalf, block);
      expect_unpacked(block, kFormQ3K, c, times(0.5F, s, 32), no_min16);
    }
    {
      const auto c = codes(256, 16);
      const auto s = codes(8, 64);
      const auto m = codes(8, 64);
      BlockQ4K block;
      pack_q4_k(c.data(), s.data(), m.data(), kOne, kHalf, block);
      expect_unpacked(block, kFormQ4K, c, times(1, s, 0), times(0.5F, m, 0));
    }
    {
      const auto c = codes(256, 32);
      const auto s = codes(8, 64);
      const auto m = codes(8, 64);
      BlockQ5K block;
      pack_q5_k(c.data(), s.data(), m.data(), kMinusTwo, kHalf, block);
      expect_unpacked(block, kFormQ5K, c, times(-2, s, 0), times(0.5F, m, 0));
    }
    {
      const auto c = codes(256, 64);
      const auto s = codes(16, 256);
      std::vector<std::int8_t> scales(16);
      for (std::size_t i = 0; i < 16; ++i) scales[i] = static_cast<std::int8_t>(s[i] - 128);
      BlockQ6K block;
      pack_q6_k(c.data(), scales.data(), kHalf, block);
      expect_unpacked(block, kFormQ6K, c, times(0.5F, s, 128), no_min16);
    }
    {
      const auto c = codes(256, 16);
      const auto s = codes(8, 64);
      BlockIq4Xs block;
      pack_iq4_xs(c.data(), s.data(), kHalf, block);
      expect_unpacked(block, kFormIq4Xs, c, times(0.5F, s, 32), no_min8);
    }
  }
}

}  // namespace
}  // namespace mote::codec
