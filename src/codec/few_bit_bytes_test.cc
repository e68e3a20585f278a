// Where each bit of the formats without super-block scales lies (Q8_1, Q8_K, TQ1_0, TQ2_0, MXFP4, NVFP4,
// Q1_0, Q2_0), by blocks written by hand, and what their encoders write for values that can be told by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "codec/codec.h"
#include "codec/mxfp4.h"
#include "codec/nvfp4.h"
#include "codec/q1_0.h"
#include "codec/q2_0.h"
#include "codec/q8_1.h"
#include "codec/q8_k.h"
#include "codec/tq1_0.h"
#include "codec/tq2_0.h"

namespace mote::codec {
namespace {

constexpr Half kHalf = 0x3800;

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

template <typename Block>
Block encoded(CodecId id, std::vector<float> x) {
  x.resize(Block::kElements);
  Block block;
  codec_of(id).encode_rtn(x.data(), reinterpret_cast<std::byte*>(&block), 1);
  return block;
}

TEST(Q81Bytes, SumStandsBetweenScaleAndCodes) {
  const auto x = decode_bytes(CodecId::q8_1, {{1, 0x38}, {3, 0x7C}, {4, 0x7F}, {5, 0x80}, {35, 0xFF}});
  expect_elements(x, 0, {{0, 63.5F}, {1, -64}, {31, -0.5F}});  // the sum, here infinite, is not read
}

TEST(Q8KBytes, ScaleIsAFloat) {
  const auto x = decode_bytes(CodecId::q8_k, {{3, 0x3F}, {4, 2}, {259, 0xFE}, {260, 0xFF}});
  expect_elements(x, 0, {{0, 1}, {255, -1}});
}

TEST(Tq10Bytes, DigitsComeFromTheTop) {
  // 0x80 = ceil(121 * 256 / 243) are the digits 1 1 1 1 1; 0x56 = ceil(81 * 256 / 243) is 1 0 0 0 0.
  const auto x = decode_bytes(CodecId::tq1_0, {{0, 0x80}, {47, 0x56}, {51, 0x80}, {53, 0x38}});
  expect_elements(x, -0.5F,
                  {{0, 0},
                   {32, 0},
                   {64, 0},
                   {96, 0},
                   {128, 0},  // byte 0
                   {175, 0},  // byte 47, first digit
                   {243, 0},
                   {247, 0},
                   {251, 0},
                   {255, 0}});  // byte 51
}

TEST(Tq20Bytes, TwoBitsStepByThirtyTwo) {
  const auto x = decode_bytes(CodecId::tq2_0, {{0, 0x01}, {31, 0xC0}, {63, 0x80}, {65, 0x38}});
  expect_elements(x, -0.5F, {{0, 0}, {127, 1}, {255, 0.5F}});  // code 3, never written, means 2
}

TEST(Mxfp4Bytes, ExponentComesFirst) {
  const auto x = decode_bytes(CodecId::mxfp4, {{0, 128}, {1, 0xF1}, {16, 0x7C}});
  expect_elements(x, 0, {{0, 1}, {16, -12}, {15, -4}, {31, 12}});  // scale 2: 0.5, -6, -2 and 6 times it
}

TEST(Nvfp4Bytes, EachSixteenHaveAScaleAndEightBytes) {
  // Scales 1 (exponent 7), 1.125, the largest 448, the smallest 2^-9.
  const auto x = decode_bytes(
      CodecId::nvfp4,
      {{0, 0x38}, {1, 0x39}, {2, 0x7E}, {3, 0x01}, {4, 0x21}, {12, 0x2A}, {20, 0x07}, {35, 0xF0}});
  expect_elements(x, 0,
                  {{0, 0.5F},
                   {8, 1},  // first byte: element 0, then 8
                   {16, -1.125F},
                   {24, 1.125F},  // codes 10 and 2
                   {32, 448.0F * 6},
                   {63, -6 * 0x1p-9F}});  // last byte, high nibble
}

TEST(Q10Bytes, BitsAreSigns) {
  const auto x = decode_bytes(CodecId::q1_0, {{1, 0x38}, {2, 0x01}, {17, 0x80}});
  expect_elements(x, -0.5F, {{0, 0.5F}, {127, 0.5F}});
}

TEST(Q20Bytes, TwoBitsInElementOrder) {
  const auto x = decode_bytes(CodecId::q2_0, {{1, 0x38}, {2, 0x0D}, {17, 0x80}});
  expect_elements(x, -0.5F, {{0, 0}, {1, 1}, {63, 0.5F}});
}

TEST(FewBitPacking, IsUndoneByUnpacking) {
  std::mt19937 engine(17);
  const auto codes = [&](std::size_t n, unsigned below) {
    std::vector<std::uint8_t> c(n);
    for (auto& v : c) v = static_cast<std::uint8_t>(engine() % below);
    return c;
  };
  const auto unpacked = [](CodecId id, const void* block) {
    const Codec& codec = codec_of(id);
    std::vector<std::uint8_t> c(codec.block_elements);
    float scales[16];
    float mins[16];
    codec.integer_form->unpack(static_cast<const std::byte*>(block), c.data(), scales, mins);
    return c;
  };
  for (int round = 0; round < 20; ++round) {
    const auto ternary = codes(256, 3);
    BlockTq10 tq1;
    pack_tq1_0(ternary.data(), kHalf, tq1);
    EXPECT_EQ(unpacked(CodecId::tq1_0, &tq1), ternary);
    const auto quaternary = codes(256, 4);
    BlockTq20 tq2;
    pack_tq2_0(quaternary.data(), kHalf, tq2);
    EXPECT_EQ(unpacked(CodecId::tq2_0, &tq2), quaternary);
    auto c = codes(128, 2);
    for (auto& v : c) v = static_cast<std::uint8_t>(2 * v);
    BlockQ10 q1;
    pack_q1_0(c.data(), kHalf, q1);
    EXPECT_EQ(unpacked(CodecId::q1_0, &q1), c);
    c = codes(64, 4);
    BlockQ20 q2;
    pack_q2_0(c.data(), kHalf, q2);
    EXPECT_EQ(unpacked(CodecId::q2_0, &q2), c);
    c = codes(32, 16);
    BlockMxfp4 mx;
    pack_mxfp4(c.data(), 127, mx);
    EXPECT_EQ(unpacked(CodecId::mxfp4, &mx), c);
    c = codes(64, 16);
    const std::uint8_t scales[4] = {1, 2, 3, 4};
    BlockNvfp4 nv;
    pack_nvfp4(c.data(), scales, nv);
    EXPECT_EQ(unpacked(CodecId::nvfp4, &nv), c);
  }
}

TEST(EncodeTernary, SplitsAtHalfOfTheLargestMagnitude) {
  for (const CodecId id : {CodecId::tq1_0, CodecId::tq2_0, CodecId::q2_0}) {
    const Codec& codec = codec_of(id);
    std::vector<float> x(codec.block_elements, 0.0F);
    x[0] = -4;
    x[1] = 2;
    x[2] = 1.99F;
    x[3] = -2;
    std::vector<std::byte> block(codec.block_bytes);
    codec.encode_rtn(x.data(), block.data(), 1);
    std::vector<float> y(x.size());
    codec.decode(block.data(), y.data(), 1);
    expect_elements(y, 0, {{0, -4}, {1, 4}, {3, -4}});
  }
}

TEST(EncodeQ10, KeepsSignsAndTheMeanMagnitude) {
  std::vector<float> x(128, -1.0F);
  for (std::size_t i = 0; i < 64; ++i) x[i] = 0.0F;  // counts as positive
  const auto block = encoded<BlockQ10>(CodecId::q1_0, x);
  EXPECT_EQ(block.d, kHalf);
  EXPECT_EQ(block.qs[7], 0xFF);
  EXPECT_EQ(block.qs[8], 0x00);
}

TEST(EncodeMxfp4, PutsTheLargestMagnitudeBetweenFourAndEight) {
  const auto e_of = [](float largest) { return encoded<BlockMxfp4>(CodecId::mxfp4, {largest}).e; };
  EXPECT_EQ(e_of(4.0F), 127);
  EXPECT_EQ(e_of(7.9F), 127);
  EXPECT_EQ(e_of(-8.0F), 128);
  EXPECT_EQ(e_of(0.0F), 0);
  EXPECT_EQ(e_of(1e-40F), 0);  // no exponent below that
  const auto block = encoded<BlockMxfp4>(CodecId::mxfp4, {7.9F, -0.2F, 0.25F, 0.26F, -5.0F, 2.5F});
  std::vector<float> y(32);
  decode_mxfp4(reinterpret_cast<const std::byte*>(&block), y.data(), 1);
  expect_elements(y, 0, {{0, 6}, {3, 0.5F}, {4, -4}, {5, 2}});  // of two equally close ones the smaller
}

// Every scale against the definition of E4M3, computed here with powers.
TEST(Nvfp4Scales, AreTheNearestOfAll) {
  std::vector<double> values;
  for (int stored = 0; stored < 0x7F; ++stored) {
    const int exponent = stored >> 3;
    const double fraction = (stored & 7) / 8.0;
    values.push_back(exponent == 0 ? fraction * std::pow(2.0, -6)
                                   : (1 + fraction) * std::pow(2.0, exponent - 7));
    EXPECT_EQ(static_cast<double>(half_ue4m3(static_cast<std::uint8_t>(stored))), values.back() / 2);
    EXPECT_EQ(nearest_ue4m3(static_cast<float>(values.back())), stored);
  }
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    const double middle = (values[i] + values[i + 1]) / 2;
    EXPECT_EQ(nearest_ue4m3(static_cast<float>(middle * (1 - 1e-6))), i);
    // The reference caps the subnormal ones at the largest of them.
    EXPECT_EQ(nearest_ue4m3(static_cast<float>(middle * (1 + 1e-6))), i == 7 ? 7U : i + 1);
  }
  EXPECT_EQ(half_ue4m3(0x7F), 0.0F);
  EXPECT_EQ(nearest_ue4m3(1e30F), 0x7E);
  EXPECT_EQ(nearest_ue4m3(-1.0F), 0);
  EXPECT_EQ(nearest_ue4m3(std::nanf("")), 0);
}

TEST(EncodeQ8K, PutsTheLargestOnMinusOneHundredTwentySevenWithTiesToEven) {
  const auto block = encoded<BlockQ8K>(CodecId::q8_k, {127, -127, 0.5F, 1.5F, -2.5F});
  EXPECT_EQ(block.d, -1.0F);
  EXPECT_EQ(block.qs[0], -127);
  EXPECT_EQ(block.qs[1], 127);
  EXPECT_EQ(block.qs[2], 0);
  EXPECT_EQ(block.qs[3], -2);
  EXPECT_EQ(block.qs[4], 2);
  EXPECT_EQ(block.bsums[0], 0);
  EXPECT_EQ(block.bsums[1], 0);
}

TEST(EncodeQ81, StoresTheSumTimesTheScale) {
  const auto block = encoded<BlockQ81>(CodecId::q8_1, {63.5F, 1.0F, -0.5F});
  EXPECT_EQ(block.d, kHalf);
  EXPECT_EQ(block.s, 0x5400);  // (127 + 2 - 1) / 2 = 64
}

}  // namespace
}  // namespace mote::codec
