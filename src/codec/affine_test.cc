// Affine groups, NF4, FP4 and FP8 by hand: bits picked one at a time, values as the layouts' texts have them.
// Comparison with compressed-tensors and bitsandbytes is in tests/oracles/affine_oracle.py.
#include "codec/affine.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "codec/fp8.h"
#include "codec/table4.h"
#include "tensor/stored_type.h"

namespace mote::codec {
namespace {

// Bit `at` of a stream, counted from the lowest bit of the first byte.
int bit_of(const std::byte* bytes, std::size_t at) {
  return (std::to_integer<int>(bytes[at / 8]) >> (at % 8)) & 1;
}

struct Named {
  CodecId id;
  AffineFormat format;
};

std::vector<Named> formats() {
  std::vector<Named> out;
  for (const Codec& codec : all_codecs()) {
    if (const auto format = affine_format(codec.id)) out.push_back({codec.id, *format});
  }
  return out;
}

TEST(Affine, NamesSayBitsGroupAndSymmetry) {
  const auto all = formats();
  ASSERT_EQ(all.size(), 32U);
  for (const auto& [id, f] : all) {
    const std::string group = f.per_row ? "row" : "g" + std::to_string(f.group);
    const std::string name = "int" + std::to_string(f.bits) + "-" + group + (f.asymmetric ? "-asym" : "-sym");
    EXPECT_EQ(codec_of(id).name, name);
    EXPECT_EQ(find_codec(name), &codec_of(id));
    EXPECT_EQ(find_affine(f.bits, f.per_row ? 0 : f.group, f.asymmetric), id);
    EXPECT_EQ(codec_of(id).block_bytes, 4 + (f.asymmetric ? 1 : 0) + f.group * f.bits / 8) << name;
    EXPECT_FALSE(codec_of(id).has_gguf_type());
  }
  EXPECT_FALSE(find_affine(5, 32, false));
  EXPECT_FALSE(find_affine(4, 256, true));
  EXPECT_FALSE(affine_format(CodecId::f64));
  EXPECT_FALSE(affine_format(CodecId::nf4));
  EXPECT_EQ(find_codec_by_gguf_type(kNoGgufType), nullptr);
}

TEST(Affine, CodesAreAStreamOfBitsBehindScaleAndZeroPoint) {
  Rng rng(3);
  for (const auto& [id, f] : formats()) {
    std::vector<std::uint8_t> codes(f.group);
    for (auto& c : codes)
      c = static_cast<std::uint8_t>(rng.next_below(static_cast<std::uint64_t>(1) << f.bits));
    std::vector<std::byte> block(f.block_bytes());
    write_affine_block(f, {0.375F, f.asymmetric ? std::uint8_t{3} : static_cast<std::uint8_t>(f.middle())},
                       codes.data(), block.data());
    const std::byte scale[4] = {std::byte{0}, std::byte{0}, std::byte{0xC0}, std::byte{0x3E}};  // 0.375
    EXPECT_EQ(std::memcmp(block.data(), scale, 4), 0);
    if (f.asymmetric) {
      EXPECT_EQ(block[4], std::byte{3});
    }
    for (std::size_t i = 0; i < f.group; ++i) {
      for (unsigned b = 0; b < f.bits; ++b) {
        ASSERT_EQ(bit_of(block.data() + f.header_bytes(), i * f.bits + b), (codes[i] >> b) & 1)
            << codec_of(id).name << " code " << i << " bit " << b;
      }
    }
    std::vector<std::uint8_t> again(f.group);
    affine_block_codes(f, block.data(), again.data());
    EXPECT_EQ(again, codes);
    std::vector<float> x(f.group);
    codec_of(id).decode(block.data(), x.data(), 1);
    const int zero = f.asymmetric ? 3 : 1 << (f.bits - 1);
    for (std::size_t i = 0; i < f.group; ++i) ASSERT_EQ(x[i], 0.375F * static_cast<float>(codes[i] - zero));
  }
}

std::vector<float> starting_with(std::size_t n, std::vector<float> x) {
  x.resize(n);
  return x;
}

struct Group {
  AffineScale scale;
  std::vector<std::uint8_t> codes;
};

Group encoded(CodecId id, const std::vector<float>& x) {
  const AffineFormat f = *affine_format(id);
  std::vector<std::byte> block(f.block_bytes());
  codec_of(id).encode_rtn(x.data(), block.data(), 1);
  Group out{affine_scale(f, block.data()), std::vector<std::uint8_t>(f.group)};
  affine_block_codes(f, block.data(), out.codes.data());
  return out;
}

TEST(Affine, SymmetricScaleIsTheLargestOverHalfTheSteps) {
  // 15 / 7.5 = 2: 15 is 7.5 steps, which even rounding makes 8 and the range 7; -15 is -8; 5 is 2.5, even 2.
  const Group g = encoded(CodecId::int4_g32_sym, starting_with(32, {15, -15, 5, 7, -5, 0.9F, -1.1F}));
  EXPECT_EQ(g.scale.scale, 2.0F);
  EXPECT_EQ(g.scale.zero, 8);
  const std::vector<std::uint8_t> expected = {15, 0, 10, 12, 6, 8, 7, 8};
  EXPECT_EQ(std::vector<std::uint8_t>(g.codes.begin(), g.codes.begin() + 8), expected);
}

TEST(Affine, AsymmetricRangeHoldsZeroAndSaysWhereItLies) {
  // -5 to 10: a step of 1, zero at 5. Ties are even as signed codes: 0.5 - 3 = -2.5 becomes -2, stored 6.
  const Group g = encoded(CodecId::int4_g64_asym, starting_with(64, {-5, 10, 0, 0.5F, 1.5F, -4.4F}));
  EXPECT_EQ(g.scale.scale, 1.0F);
  EXPECT_EQ(g.scale.zero, 5);
  const std::vector<std::uint8_t> expected = {0, 15, 5, 6, 6, 1, 5};
  EXPECT_EQ(std::vector<std::uint8_t>(g.codes.begin(), g.codes.begin() + 7), expected);
  // All positive: the range begins at zero.
  const Group positive = encoded(CodecId::int2_g32_asym, std::vector<float>(32, 6.0F));
  EXPECT_EQ(positive.scale, (AffineScale{2.0F, 0}));
  EXPECT_EQ(positive.codes, std::vector<std::uint8_t>(32, 3));
  const Group negative = encoded(CodecId::int2_g32_asym, std::vector<float>(32, -6.0F));
  EXPECT_EQ(negative.scale, (AffineScale{2.0F, 3}));
  EXPECT_EQ(negative.codes, std::vector<std::uint8_t>(32, 0));
}

TEST(Affine, CodesAreChosenForTheScaleAsItIsStored) {
  // bfloat16 has eight bits: 1.01 becomes 1.0078125.
  const AffineFormat f = *affine_format(CodecId::int8_g32_sym);
  const AffineScale s = plain_affine_scale(f, ScaleType::bf16, {-1.01F * 127.5F, 0});
  EXPECT_EQ(s.scale, 1.0078125F);
  const float x = 100.0F;
  std::uint8_t code = 0;
  affine_codes(f, s, &x, 1, &code);
  EXPECT_EQ(code, 128 + 99);  // 100 / 1.0078 = 99.2; with 1.01 it is 99.0
  EXPECT_EQ(plain_affine_scale(f, ScaleType::f16, {0, 1e-9F}).scale, 0.0F);
  affine_codes(f, {0.0F, 128}, &x, 1, &code);
  EXPECT_EQ(code, 128);
  EXPECT_TRUE(std::isnan(plain_affine_scale(f, ScaleType::f16, {NAN, NAN}).scale));
}

TEST(Affine, AZeroPointBesideTheRangeIsReadAsItStands) {
  // GPTQ's first version stores zero - 1, so that a file may mean 16 with four bits.
  const AffineFormat f = *affine_format(CodecId::int4_g32_asym);
  std::vector<std::uint8_t> codes(32, 15);
  std::vector<std::byte> block(f.block_bytes());
  write_affine_block(f, {0.5F, 16}, codes.data(), block.data());
  std::vector<float> x(32);
  codec_of(CodecId::int4_g32_asym).decode(block.data(), x.data(), 1);
  EXPECT_EQ(x, std::vector<float>(32, -0.5F));
}

TEST(Affine, AScaleThatOverflowsIsNotFinite) {
  const AffineFormat f = *affine_format(CodecId::int8_row_asym);
  const std::vector<std::uint8_t> codes(32, 255);
  std::vector<std::byte> block(f.block_bytes());
  const Codec& codec = codec_of(CodecId::int8_row_asym);
  for (const float scale : {1e38F, std::numeric_limits<float>::infinity(), NAN}) {
    write_affine_block(f, {scale, 0}, codes.data(), block.data());
    EXPECT_FALSE(codec.is_finite(block.data(), 1)) << scale;
  }
  write_affine_block(f, {1e36F, 0}, codes.data(), block.data());
  EXPECT_TRUE(codec.is_finite(block.data(), 1));
}

TEST(Table4, TheFirstElementIsTheHighNibble) {
  std::vector<float> x(64, 0.0F);
  x[0] = -2.0F;
  x[1] = 2.0F;
  x[2] = 2.0F * 0.44F;
  std::vector<std::byte> block(36);
  encode_nf4(x.data(), block.data(), 1);
  EXPECT_EQ(block[4], std::byte{0x0F});  // -1 is code 0, 1 is code 15
  EXPECT_EQ(block[5], std::byte{0xC7});  // 0.44 is nearest to 0.4407 (12), 0 is code 7
  std::vector<float> y(64);
  decode_nf4(block.data(), y.data(), 1);
  EXPECT_EQ(y[0], -2.0F);
  EXPECT_EQ(y[1], 2.0F);
  EXPECT_EQ(y[2], 0.44070982933044434F * 2.0F);
  EXPECT_EQ(y[3], 0.0F);
  encode_fp4(x.data(), block.data(), 1);
  EXPECT_EQ(block[4], std::byte{0xB3});  // -12 is code 11, 12 is code 3
  EXPECT_EQ(block[5], std::byte{0x50});  // 0.44 * 12 = 5.28: 6 is code 5
}

TEST(Table4, TiesGoToTheSmallerValue) {
  std::vector<float> x(64, 0.0F);
  x[0] = 1.0F;
  x[1] = (0.0F + 0.07958029955625534F) / 2.0F;
  x[2] = std::nextafter(x[1], 1.0F);
  x[3] = 1e-6F;
  std::vector<std::byte> block(36);
  encode_nf4(x.data(), block.data(), 1);
  EXPECT_EQ(block[4], std::byte{0xF7});
  EXPECT_EQ(block[5], std::byte{0x87});
  x[3] = 1e-4F;
  encode_fp4(x.data(), block.data(), 1);
  EXPECT_EQ(std::to_integer<int>(block[5]) & 15, 8) << "bitsandbytes: above zero is the second zero";
}

TEST(Table4, IntegersAreWithinTheErrorThatTheHeaderNames) {
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_NEAR(kNf4Integers[i] / 127.0, static_cast<double>(kNf4Values[i]), 0.0037) << i;
    EXPECT_NEAR(kFp4Integers[i] / 120.0, static_cast<double>(kFp4TableValues[i]), i % 8 == 1 ? 0.0032 : 1e-7)
        << i;
  }
}

TEST(Fp8, EveryCodeIsTheNearestToItsValue) {
  for (int code = 0; code < 256; ++code) {
    const float value = e4m3_to_float(static_cast<std::uint8_t>(code));
    if ((code & 0x7F) == 0x7F) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_EQ(float_to_e4m3(value) & 0x7F, 0x7F);
      continue;
    }
    EXPECT_EQ(float_to_e4m3(value), code);
    if ((code & 0x7F) >= 0x7E) continue;
    // Between neighbours: below the middle this one, at the middle the even one.
    const float next = e4m3_to_float(static_cast<std::uint8_t>(code + 1));
    const float middle = (value + next) / 2.0F;
    EXPECT_EQ(float_to_e4m3(middle), code % 2 == 0 ? code : code + 1);
    EXPECT_EQ(float_to_e4m3(std::nextafter(middle, value)), code);
    EXPECT_EQ(float_to_e4m3(std::nextafter(middle, next)), code + 1);
  }
  EXPECT_EQ(float_to_e4m3(1e9F), 0x7E);
  EXPECT_EQ(float_to_e4m3(-std::numeric_limits<float>::infinity()), 0xFE);
}

TEST(Fp8, TheLargestValueOfABlockIsExact) {
  std::vector<float> x(32);
  for (std::size_t i = 0; i < 32; ++i) x[i] = 0.25F * static_cast<float>(i) - 3.0F;
  std::vector<std::byte> block(36);
  encode_fp8(x.data(), block.data(), 1);
  std::vector<float> y(32);
  decode_fp8(block.data(), y.data(), 1);
  EXPECT_NEAR(y[31], 4.75F, 1e-6F);
  for (std::size_t i = 0; i < 32; ++i) EXPECT_NEAR(y[i], x[i], std::fabs(x[i]) / 16 + 4.75F / 448 / 512);
  EXPECT_TRUE(is_finite_fp8(block.data(), 1));
  block[20] = std::byte{0xFF};
  EXPECT_FALSE(is_finite_fp8(block.data(), 1));
}

}  // namespace
}  // namespace mote::codec
