// What the encoders write for values whose codes and scales can be told by hand. Comparison with
// gguf.quantize on many values is in tests/oracles/codec_oracle.py.
#include <gtest/gtest.h>

#include <array>
#include <utility>
#include <vector>

#include "codec/codec.h"
#include "codec/iq4_nl.h"
#include "codec/iq4_xs.h"
#include "codec/q2_k.h"
#include "codec/q3_k.h"
#include "codec/q4_0.h"
#include "codec/q4_1.h"
#include "codec/q4_k.h"
#include "codec/q6_k.h"
#include "codec/q8_0.h"

namespace mote::codec {
namespace {

template <typename Block>
Block encoded(CodecId id, const std::vector<float>& x) {
  Block block;
  codec_of(id).encode_rtn(x.data(), reinterpret_cast<std::byte*>(&block), 1);
  return block;
}

std::vector<std::uint8_t> codes_of(CodecId id, const void* block) {
  const Codec& codec = codec_of(id);
  std::vector<std::uint8_t> codes(codec.block_elements);
  std::array<float, 16> scales;
  std::array<float, 16> mins;
  codec.integer_form->unpack(static_cast<const std::byte*>(block), codes.data(), scales.data(), mins.data());
  return codes;
}

std::vector<float> starting_with(std::size_t n, std::vector<float> x) {
  x.resize(n);
  return x;
}

TEST(EncodeQ40, PutsTheLargestMagnitudeOnCodeZeroAndRoundsHalvesUp) {
  // d = -8 / -8 = 1, so x / d = x and the code is floor(x + 8.5), at most 15.
  const auto block =
      encoded<BlockQ40>(CodecId::q4_0, starting_with(32, {-8, 7, 0.5F, -0.5F, 8, -7.51F, 0.4998F}));
  EXPECT_EQ(block.d, 0x3C00);
  const auto codes = codes_of(CodecId::q4_0, &block);
  EXPECT_EQ(std::vector<std::uint8_t>(codes.begin(), codes.begin() + 8),
            (std::vector<std::uint8_t>{0, 15, 9, 8, 15, 0, 8, 8}));
}

TEST(EncodeQ40, GivesZerosTheScaleThatTheReferenceWrites) {
  // 0 / -8 is -0, and -0 / -8 is 0.
  EXPECT_EQ((encoded<BlockQ40>(CodecId::q4_0, std::vector<float>(32, 0.0F)).d), 0x8000);
  EXPECT_EQ((encoded<BlockQ40>(CodecId::q4_0, std::vector<float>(32, -0.0F)).d), 0x0000);
}

TEST(EncodeQ41, SpansTheRangeWithFifteenSteps) {
  const auto block = encoded<BlockQ41>(CodecId::q4_1, starting_with(32, {-5, 10, 0, 0.5F, 0.49F, -4.5F}));
  EXPECT_EQ(block.d, 0x3C00);
  EXPECT_EQ(block.m, 0xC500);  // -5
  const auto codes = codes_of(CodecId::q4_1, &block);
  EXPECT_EQ(std::vector<std::uint8_t>(codes.begin(), codes.begin() + 6),
            (std::vector<std::uint8_t>{0, 15, 5, 6, 5, 1}));
}

TEST(EncodeQ80, ScalesByOneHundredTwentySeventhAndRoundsAwayFromZero) {
  const auto block =
      encoded<BlockQ80>(CodecId::q8_0, starting_with(32, {127, -127, 0.5F, -0.5F, 2.5F, -1.49F}));
  EXPECT_EQ(block.d, 0x3C00);
  EXPECT_EQ(std::vector<int>(block.qs, block.qs + 7), (std::vector<int>{127, -127, 1, -1, 3, -1, 0}));
}

TEST(EncodeQ6K, PutsTheLargestSubScaleOnMinusOneHundredTwentyEight) {
  // Largest value 4 has code 0 (-32), so its step is -1/8 and d = 1/8 / 128 = 2^-10.
  auto x = std::vector<float>(256, 0.0F);
  x[0] = 4;
  x[1] = -0.125F * 31;
  x[16] = -1;  // step 1/32 = 32 d
  const auto block = encoded<BlockQ6K>(CodecId::q6_k, x);
  EXPECT_EQ(block.d, 0x1400);
  EXPECT_EQ(block.scales[0], -128);
  EXPECT_EQ(block.scales[1], 32);
  EXPECT_EQ(block.scales[2], 0);
  const auto codes = codes_of(CodecId::q6_k, &block);
  EXPECT_EQ(codes[0], 0);
  EXPECT_EQ(codes[1], 63);
  EXPECT_EQ(codes[2], 32);
  EXPECT_EQ(codes[16], 0);
}

TEST(EncodeQ3K, PutsTheLargestSubScaleOnMinusThirtyTwo) {
  auto x = std::vector<float>(256, 0.0F);
  x[255] = 4;  // code 0 (-4), step -1, d = 1/32
  const auto block = encoded<BlockQ3K>(CodecId::q3_k, x);
  EXPECT_EQ(block.d, 0x2800);
  const auto codes = codes_of(CodecId::q3_k, &block);
  EXPECT_EQ(codes[255], 0);
  EXPECT_EQ(codes[254], 4);
}

TEST(EncodeQ4K, NeverStoresAMinimumAboveZero) {
  // Steps of 63 and 15 that come out whole: range [0, 63 * 15] has scale 63 and d = 1.
  auto x = std::vector<float>(256, 100.0F);
  x[0] = 63 * 15;
  const auto block = encoded<BlockQ4K>(CodecId::q4_k, x);
  EXPECT_EQ(block.d, 0x3C00);
  EXPECT_EQ(block.dmin, 0);
  EXPECT_EQ(block.scales[0] & 63, 63);
  EXPECT_EQ(block.scales[1] & 63, 7);  // 100 / 15 = 6.67
  const auto codes = codes_of(CodecId::q4_k, &block);
  EXPECT_EQ(codes[0], 15);
  EXPECT_EQ(codes[1], 2);    // 100 / 63 = 1.6
  EXPECT_EQ(codes[32], 14);  // 100 / 7 = 14.3: codes are chosen for the scale as stored
}

TEST(EncodeQ2K, StoresMinimaAsMultiplesOfTheLargest) {
  auto x = std::vector<float>(256, 0.0F);
  x[0] = -15;
  x[1] = 30;   // range 45: scale 15, min 15, d = dmin = 1
  x[16] = -7;  // range 7: scale 2.33 -> 2, min 7
  const auto block = encoded<BlockQ2K>(CodecId::q2_k, x);
  EXPECT_EQ(block.d, 0x3C00);
  EXPECT_EQ(block.dmin, 0x3C00);
  EXPECT_EQ(block.scales[0], 0xFF);
  EXPECT_EQ(block.scales[1], 0x72);
  EXPECT_EQ(block.scales[2], 0x00);
  const auto codes = codes_of(CodecId::q2_k, &block);
  EXPECT_EQ(codes[0], 0);
  EXPECT_EQ(codes[1], 3);
  EXPECT_EQ(codes[2], 1);
  EXPECT_EQ(codes[17], 3);  // 7 / 2 = 3.5, capped
}

TEST(EncodeIq4, ReturnsEveryTableValueExactly) {
  const float table[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  auto x = std::vector<float>(256, 0.0F);
  for (std::size_t i = 0; i < 256; ++i) x[i] = table[i % 16] * 32;
  for (const CodecId id : {CodecId::iq4_nl, CodecId::iq4_xs}) {
    const Codec& codec = codec_of(id);
    std::vector<std::byte> blocks(256 / codec.block_elements * codec.block_bytes);
    codec.encode_rtn(x.data(), blocks.data(), 256 / codec.block_elements);
    std::vector<float> y(256);
    codec.decode(blocks.data(), y.data(), 256 / codec.block_elements);
    EXPECT_EQ(y, x) << codec.name;
  }
}

TEST(Finite, LooksAtEveryScaleFieldOfABlock) {
  // Byte position of the upper half of each half-precision field.
  const std::pair<CodecId, std::vector<std::size_t>> fields[] = {
      {CodecId::q4_0, {1}},    {CodecId::q4_1, {1, 3}},   {CodecId::q5_0, {1}},    {CodecId::q5_1, {1, 3}},
      {CodecId::q8_0, {1}},    {CodecId::q2_k, {81, 83}}, {CodecId::q3_k, {109}},  {CodecId::q4_k, {1, 3}},
      {CodecId::q5_k, {1, 3}}, {CodecId::q6_k, {209}},    {CodecId::iq4_nl, {1}},  {CodecId::iq4_xs, {1}},
      {CodecId::q8_1, {1}},    {CodecId::iq1_s, {1}},     {CodecId::iq2_xxs, {1}}, {CodecId::iq2_xs, {1}},
      {CodecId::iq2_s, {1}},   {CodecId::iq3_xxs, {1}},   {CodecId::iq3_s, {1}},   {CodecId::tq1_0, {53}},
      {CodecId::tq2_0, {65}},  {CodecId::q1_0, {1}},      {CodecId::q2_0, {1}}};
  for (const auto& [id, positions] : fields) {
    const Codec& codec = codec_of(id);
    for (const std::size_t position : positions) {
      for (const int upper : {0x7B, 0xFB, 0x7C, 0xFC, 0x7E, 0xFF}) {
        std::vector<std::byte> blocks(3 * codec.block_bytes, std::byte{0x55});
        blocks[codec.block_bytes + position] = static_cast<std::byte>(upper);
        const bool finite = (upper & 0x7C) != 0x7C;
        EXPECT_EQ(codec.is_finite(blocks.data(), 3), finite) << codec.name << " byte " << position;
      }
    }
  }
}

TEST(Finite, LooksAtScalesThatAreNoHalves) {
  const auto finite = [](CodecId id, const std::vector<std::pair<std::size_t, int>>& bytes) {
    const Codec& codec = codec_of(id);
    std::vector<std::byte> blocks(2 * codec.block_bytes, std::byte{0x11});
    for (const auto& [at, value] : bytes) blocks[codec.block_bytes + at] = static_cast<std::byte>(value);
    return codec.is_finite(blocks.data(), 2);
  };
  EXPECT_TRUE(finite(CodecId::iq1_m, {{53, 0xB1}, {55, 0x71}}));   // 0x7B11
  EXPECT_FALSE(finite(CodecId::iq1_m, {{53, 0xC1}, {55, 0x71}}));  // 0x7C11
  EXPECT_TRUE(finite(CodecId::q8_k, {{2, 0x00}, {3, 0x7D}}));
  EXPECT_FALSE(finite(CodecId::q8_k, {{2, 0x80}, {3, 0x7F}}));
  EXPECT_FALSE(finite(CodecId::q8_k, {{2, 0x00}, {3, 0x7F}}));  // finite, but not 17 times it
  EXPECT_TRUE(finite(CodecId::mxfp4, {{0, 251}, {1, 0x7F}}));
  EXPECT_TRUE(finite(CodecId::mxfp4, {{0, 252}, {1, 0x7F}}));   // 12 * 2^124
  EXPECT_FALSE(finite(CodecId::mxfp4, {{0, 253}, {1, 0x7F}}));  // 12 * 2^125
  EXPECT_FALSE(finite(CodecId::mxfp4, {{0, 255}}));
  EXPECT_TRUE(finite(CodecId::nvfp4, {{3, 0x7E}}));
  EXPECT_FALSE(finite(CodecId::nvfp4, {{3, 0x7F}}));
  EXPECT_FALSE(finite(CodecId::nvfp4, {{0, 0xFF}}));
}

TEST(Finite, TakesTheLargestNumbersOfPlainFloats) {
  const auto finite = [](CodecId id, std::uint32_t pattern) {
    return codec_of(id).is_finite(reinterpret_cast<const std::byte*>(&pattern), 1);
  };
  EXPECT_TRUE(finite(CodecId::f32, 0xFF7FFFFFU));
  EXPECT_FALSE(finite(CodecId::f32, 0x7F800000U));
  EXPECT_FALSE(finite(CodecId::f32, 0xFF800001U));
  EXPECT_TRUE(finite(CodecId::f16, 0xFBFFU));
  EXPECT_FALSE(finite(CodecId::f16, 0x7C00U));
  EXPECT_FALSE(finite(CodecId::f16, 0xFC01U));
  EXPECT_TRUE(finite(CodecId::bf16, 0xFF7FU));
  EXPECT_FALSE(finite(CodecId::bf16, 0x7F80U));
  EXPECT_FALSE(finite(CodecId::bf16, 0xFF81U));
  const auto finite_double = [](double value) {
    return codec_of(CodecId::f64).is_finite(reinterpret_cast<const std::byte*>(&value), 1);
  };
  EXPECT_TRUE(finite_double(-3.4028235e38));
  EXPECT_FALSE(finite_double(3.5e38)) << "an infinity as a float";
  EXPECT_FALSE(finite_double(__builtin_nan("")));
}

}  // namespace
}  // namespace mote::codec
