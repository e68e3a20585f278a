// What holds for every format in the table. Values against gguf-py are in tests/oracles/codec_oracle.py.
#include "codec/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "codec/affine.h"
#include "tensor/float16.h"

namespace mote::codec {
namespace {

using ::testing::Each;
using ::testing::ElementsAreArray;

std::vector<float> gaussian(std::size_t n, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0F, 1.0F);
  std::vector<float> x(n);
  for (float& v : x) v = normal(engine);
  return x;
}

std::vector<std::byte> encoded(const Codec& codec, const std::vector<float>& x) {
  std::vector<std::byte> blocks(x.size() / codec.block_elements * codec.block_bytes);
  codec.encode_rtn(x.data(), blocks.data(), x.size() / codec.block_elements);
  return blocks;
}

std::vector<float> decoded(const Codec& codec, const std::vector<std::byte>& blocks) {
  const std::size_t count = blocks.size() / codec.block_bytes;
  std::vector<float> x(count * codec.block_elements);
  codec.decode(blocks.data(), x.data(), count);
  return x;
}

std::uint32_t bits(float f) { return std::bit_cast<std::uint32_t>(f); }

// GoogleTest takes letters, digits and underscores.
std::string test_name(const ::testing::TestParamInfo<Codec>& test) {
  std::string name(test.param.name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class EveryCodec : public ::testing::TestWithParam<Codec> {};

template <typename Keep>
std::vector<Codec> codecs_that(const Keep& keep) {
  std::vector<Codec> codecs;
  std::copy_if(all_codecs().begin(), all_codecs().end(), std::back_inserter(codecs), keep);
  return codecs;
}

bool has_integer_form(const Codec& codec) { return codec.integer_form != nullptr; }

// Formats with scales and codes: all but floats.
class EveryBlockCodec : public EveryCodec {};
INSTANTIATE_TEST_SUITE_P(Table, EveryBlockCodec, ::testing::ValuesIn(codecs_that(has_integer_form)),
                         test_name);

bool encodes(const Codec& codec) { return codec.encode_rtn != nullptr; }

class EveryEncoder : public EveryCodec {};
INSTANTIATE_TEST_SUITE_P(Table, EveryEncoder, ::testing::ValuesIn(codecs_that(encodes)), test_name);

// Encoders whose error a step of the group bounds. The others: patterns of several elements, a sign or three
// values for each, floats of four bits.
bool rounds_to_steps(const Codec& codec) {
  switch (codec.id) {
    case CodecId::iq2_s:
    case CodecId::iq3_s:
    case CodecId::tq1_0:
    case CodecId::tq2_0:
    case CodecId::q1_0:
    case CodecId::q2_0:
    case CodecId::mxfp4:
    case CodecId::nvfp4:
    case CodecId::nf4:
    case CodecId::fp4:
    case CodecId::fp8:
    case CodecId::f64:
      return false;
    default:
      return encodes(codec);
  }
}

class EverySteppedCodec : public EveryCodec {};
INSTANTIATE_TEST_SUITE_P(Table, EverySteppedCodec, ::testing::ValuesIn(codecs_that(rounds_to_steps)),
                         test_name);

class EverySteppedBlock : public EveryCodec {};
INSTANTIATE_TEST_SUITE_P(Table, EverySteppedBlock, ::testing::ValuesIn(codecs_that([](const Codec& codec) {
                           return rounds_to_steps(codec) && !codec.is_plain_float();
                         })),
                         test_name);

TEST(CodecTable, HasAnIntegerFormExactlyForBlockFormatsOfIntegers) {
  for (const Codec& codec : all_codecs()) {
    EXPECT_EQ(codec.integer_form == nullptr, codec.is_plain_float() || codec.id == CodecId::fp8)
        << codec.name;
  }
  EXPECT_EQ(codecs_that([](const Codec& codec) { return !codec.is_plain_float(); }).size(), 27U + 35U);
}

TEST(CodecTable, SaysWhichFormatsNeedAnImportanceMatrix) {
  std::vector<std::string_view> names;
  for (const Codec& codec : codecs_that([](const Codec& codec) { return !encodes(codec); })) {
    names.push_back(codec.name);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ3_XXS"));
}

// An execution layout reads halves back as floats: they must be the same numbers.
TEST(CodecTable, CallsScalesHalvesOnlyWhereTheyAre) {
  std::mt19937 engine(5);
  for (const Codec& codec : codecs_that(has_integer_form)) {
    std::vector<std::byte> block(codec.block_bytes);
    std::vector<std::uint8_t> codes(codec.block_elements);
    std::vector<float> scales(codec.block_elements / codec.integer_form->group_elements);
    std::vector<float> mins(scales.size());
    bool all_halves = true;
    for (int round = 0; round < 2000; ++round) {
      for (std::byte& b : block) b = static_cast<std::byte>(engine());
      codec.integer_form->unpack(block.data(), codes.data(), scales.data(), mins.data());
      for (const auto* floats : {&scales, &mins}) {
        for (const float f : *floats) all_halves &= std::isnan(f) || half_to_float(float_to_half(f)) == f;
      }
      for (const std::uint8_t code : codes) ASSERT_LT(code, 1 << codec.integer_form->code_bits) << codec.name;
    }
    EXPECT_EQ(codec.integer_form->half_scales, all_halves) << codec.name;
  }
}

// Numbers of the GGUF specification, typed from it and not from the code.
TEST(CodecTable, HasTheSizesAndNumbersOfTheGgufSpecification) {
  struct Row {
    CodecId id;
    const char* name;
    std::uint32_t type, elements, bytes;
  };
  const Row rows[] = {
      {CodecId::f32, "F32", 0, 1, 4},
      {CodecId::f16, "F16", 1, 1, 2},
      {CodecId::bf16, "BF16", 30, 1, 2},
      {CodecId::q4_0, "Q4_0", 2, 32, 18},
      {CodecId::q4_1, "Q4_1", 3, 32, 20},
      {CodecId::q5_0, "Q5_0", 6, 32, 22},
      {CodecId::q5_1, "Q5_1", 7, 32, 24},
      {CodecId::q8_0, "Q8_0", 8, 32, 34},
      {CodecId::q2_k, "Q2_K", 10, 256, 84},
      {CodecId::q3_k, "Q3_K", 11, 256, 110},
      {CodecId::q4_k, "Q4_K", 12, 256, 144},
      {CodecId::q5_k, "Q5_K", 13, 256, 176},
      {CodecId::q6_k, "Q6_K", 14, 256, 210},
      {CodecId::iq4_nl, "IQ4_NL", 20, 32, 18},
      {CodecId::iq4_xs, "IQ4_XS", 23, 256, 136},
      {CodecId::q8_1, "Q8_1", 9, 32, 36},
      {CodecId::q8_k, "Q8_K", 15, 256, 292},
      {CodecId::iq1_s, "IQ1_S", 19, 256, 50},
      {CodecId::iq1_m, "IQ1_M", 29, 256, 56},
      {CodecId::iq2_xxs, "IQ2_XXS", 16, 256, 66},
      {CodecId::iq2_xs, "IQ2_XS", 17, 256, 74},
      {CodecId::iq2_s, "IQ2_S", 22, 256, 82},
      {CodecId::iq3_xxs, "IQ3_XXS", 18, 256, 98},
      {CodecId::iq3_s, "IQ3_S", 21, 256, 110},
      {CodecId::tq1_0, "TQ1_0", 34, 256, 54},
      {CodecId::tq2_0, "TQ2_0", 35, 256, 66},
      {CodecId::mxfp4, "MXFP4", 39, 32, 17},
      {CodecId::nvfp4, "NVFP4", 40, 64, 36},
      {CodecId::q1_0, "Q1_0", 41, 128, 18},
      {CodecId::q2_0, "Q2_0", 42, 64, 18},
      {CodecId::f64, "F64", 28, 1, 8},
  };
  ASSERT_EQ(codecs_that([](const Codec& codec) { return codec.has_gguf_type(); }).size(), std::size(rows));
  for (const Row& row : rows) {
    const Codec& codec = codec_of(row.id);
    EXPECT_EQ(codec.id, row.id);
    EXPECT_EQ(codec.name, row.name);
    EXPECT_EQ(codec.gguf_type, row.type) << row.name;
    EXPECT_EQ(codec.block_elements, row.elements) << row.name;
    EXPECT_EQ(codec.block_bytes, row.bytes) << row.name;
    EXPECT_EQ(find_codec_by_gguf_type(row.type), &codec) << row.name;
  }
  EXPECT_DOUBLE_EQ(codec_of(CodecId::q4_k).bits_per_weight(), 4.5);
  EXPECT_DOUBLE_EQ(codec_of(CodecId::q6_k).bits_per_weight(), 6.5625);
}

TEST(CodecTable, FindsNamesInAnyCaseAndNothingElse) {
  EXPECT_EQ(find_codec("Q4_K"), &codec_of(CodecId::q4_k));
  EXPECT_EQ(find_codec("q4_k"), &codec_of(CodecId::q4_k));
  EXPECT_EQ(find_codec("iq4_Nl"), &codec_of(CodecId::iq4_nl));
  EXPECT_EQ(find_codec("bf16"), &codec_of(CodecId::bf16));
  for (const char* unknown : {"", "Q4", "Q4_K_M", "Q4_K ", "f65"})
    EXPECT_EQ(find_codec(unknown), nullptr) << unknown;
  EXPECT_EQ(find_codec_by_gguf_type(4), nullptr);
  EXPECT_EQ(find_codec_by_gguf_type(4'000'000'000U), nullptr);
}

TEST(TensorBytes, CountsWholeBlocksPerRow) {
  EXPECT_EQ(tensor_bytes(codec_of(CodecId::q4_0), Shape{3, 64}).value(), 3U * 2 * 18);
  EXPECT_EQ(tensor_bytes(codec_of(CodecId::q6_k), Shape{5, 2, 512}).value(), 10U * 2 * 210);
  EXPECT_EQ(tensor_bytes(codec_of(CodecId::f32), Shape{}).value(), 4U);
  EXPECT_EQ(tensor_bytes(codec_of(CodecId::q8_0), Shape{0, 32}).value(), 0U);
}

TEST(TensorBytes, RefusesRowsThatTheBlockDoesNotDivide) {
  EXPECT_FALSE(tensor_bytes(codec_of(CodecId::q4_0), Shape{32, 33}).valid());
  EXPECT_FALSE(tensor_bytes(codec_of(CodecId::q4_k), Shape{256, 128}).valid())
      << "a block never spans two rows";
  EXPECT_FALSE(tensor_bytes(codec_of(CodecId::q4_k), Shape{}).valid());
}

TEST(TensorBytes, IsInvalidWhereItWouldWrap) {
  const std::uint64_t big = 1ULL << 62;
  EXPECT_FALSE(tensor_bytes(codec_of(CodecId::f32), Shape{big}).valid());
  EXPECT_FALSE(tensor_bytes(codec_of(CodecId::q8_0), Shape{big, big}).valid());
  const std::uint64_t last_multiple = ~std::uint64_t{31};
  EXPECT_FALSE(tensor_bytes(codec_of(CodecId::q8_0), Shape{last_multiple}).valid())
      << "34 bytes for 32 elements";
  EXPECT_TRUE(tensor_bytes(codec_of(CodecId::q4_0), Shape{big}).valid());
}

TEST_P(EveryEncoder, EncodesZerosAsZeros) {
  const Codec& codec = GetParam();
  const auto blocks = encoded(codec, std::vector<float>(512, 0.0F));
  EXPECT_THAT(decoded(codec, blocks), Each(0.0F));
  EXPECT_TRUE(codec.is_finite(blocks.data(), 512 / codec.block_elements));
}

// Rounding to n evenly spaced values over a group's range leaves at most half a step, and the stored scales
// may be off by half a unit of their own codes. IQ4's widest step is 24 of 240, from its extreme value 113 it
// can miss by 14.
TEST_P(EverySteppedBlock, RoundingErrorStaysWithinAStepOfTheGroup) {
  const Codec& codec = GetParam();
  const IntegerForm& form = *codec.integer_form;
  const auto x = gaussian(256 * 64, 7);
  const auto y = decoded(codec, encoded(codec, x));
  const std::size_t super = codec.block_elements;
  for (std::size_t b = 0; b < x.size(); b += super) {
    float super_max = 0;  // what scales of scales are relative to
    for (std::size_t i = b; i < b + super; ++i) super_max = std::max(super_max, std::abs(x[i]));
    for (std::size_t g = b; g < b + super; g += form.group_elements) {
      const auto [low, high] = std::minmax_element(&x[g], &x[g] + form.group_elements);
      const float largest = std::max(std::abs(*low), std::abs(*high));
      // A signed code of n bits reaches one step further below zero than above: the opposite extreme may miss
      // by one whole step.
      const int levels = 1 << form.code_bits;
      float step = form.has_min ? (*high - std::min(*low, 0.0F)) / static_cast<float>(levels - 1)
                                : 2 * largest / static_cast<float>(levels);
      if (form.table != nullptr) step = largest * 24 / 113;
      // As many steps above zero as below: the largest value is half a step beyond the last code.
      if (affine_format(codec.id) && !form.has_min) step = 2 * largest / static_cast<float>(levels - 1);
      const float scale_error =
          super == 32 ? largest / 1024 : super_max / 15;  // coarsest: 4-bit scales of Q2_K
      for (std::size_t i = g; i < g + form.group_elements; ++i) {
        ASSERT_LE(std::abs(x[i] - y[i]), step * 1.001F + scale_error) << "element " << i << " = " << x[i];
      }
    }
  }
}

TEST_P(EverySteppedCodec, IsRoughlyAsExactAsItsBitsAllow) {
  // Relative error (squared error over squared norm) of Gaussian weights; one more bit is about a factor
  // of 4.
  const Codec& codec = GetParam();
  const auto x = gaussian(256 * 256, 11);
  const auto y = decoded(codec, encoded(codec, x));
  double error = 0;
  double norm = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    error += (double{x[i]} - y[i]) * (double{x[i]} - y[i]);
    norm += double{x[i]} * x[i];
  }
  // A uniform step over [-a, a] with a about 2 standard deviations of a group of 16 to 32: error (2 a /
  // levels)^2 / 12.
  const double code_bits =
      codec.is_plain_float() ? (codec.id == CodecId::bf16 ? 8 : 11) : codec.integer_form->code_bits;
  double step = 4.0 / std::pow(2.0, code_bits);
  if (affine_format(codec.id)) {
    // 2^bits - 1 steps over the range of a group: twice the largest of 32, 64 or 128 magnitudes.
    const double largest = codec.block_elements == 32 ? 2.2 : codec.block_elements == 64 ? 2.5 : 2.8;
    step = 2 * largest / (std::pow(2.0, code_bits) - 1);
  }
  EXPECT_LT(error / norm, 2.5 * step * step / 12);
  if (!codec.is_plain_float()) {
    EXPECT_GT(error / norm, 0.25 * step * step / 12) << "too good to be true";
  }
}

TEST_P(EveryEncoder, ShowsInputThatIsNotFinite) {
  const Codec& codec = GetParam();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    for (const std::size_t where : {std::size_t{0}, std::size_t{17}, std::size_t{255}}) {
      auto x = gaussian(256, 3);
      x[where] = bad;
      const auto blocks = encoded(codec, x);
      EXPECT_FALSE(codec.is_finite(blocks.data(), 256 / codec.block_elements)) << bad << " at " << where;
      const std::size_t block = where / codec.block_elements;
      for (std::size_t b = 0; b < 256 / codec.block_elements; ++b) {
        EXPECT_EQ(codec.is_finite(blocks.data() + b * codec.block_bytes, 1), b != block) << "block " << b;
      }
    }
  }
}

TEST_P(EveryEncoder, ReadsAndWritesBlocksAtOddAddresses) {
  const Codec& codec = GetParam();
  const auto x = gaussian(512, 5);
  const auto blocks = encoded(codec, x);
  std::vector<std::byte> shifted(blocks.size() + 1);
  codec.encode_rtn(x.data(), shifted.data() + 1, x.size() / codec.block_elements);
  EXPECT_EQ(std::memcmp(shifted.data() + 1, blocks.data(), blocks.size()), 0);
  std::vector<float> y(x.size());
  codec.decode(shifted.data() + 1, y.data(), x.size() / codec.block_elements);
  EXPECT_EQ(y, decoded(codec, blocks));
}

TEST_P(EveryEncoder, TreatsEachBlockOnItsOwn) {
  const Codec& codec = GetParam();
  const auto x = gaussian(768, 9);
  const auto blocks = encoded(codec, x);
  const auto y = decoded(codec, blocks);
  for (std::size_t b = 0; b < x.size() / codec.block_elements; ++b) {
    const std::size_t first = b * codec.block_elements;
    std::vector<std::byte> block(codec.block_bytes);
    codec.encode_rtn(&x[first], block.data(), 1);
    ASSERT_EQ(std::memcmp(block.data(), &blocks[b * codec.block_bytes], block.size()), 0) << "block " << b;
    const auto alone = decoded(codec, block);
    ASSERT_TRUE(std::equal(alone.begin(), alone.end(), &y[first])) << "block " << b;
  }
  float untouched = 42;
  codec.decode(blocks.data(), &untouched, 0);
  EXPECT_EQ(untouched, 42);
  EXPECT_TRUE(codec.is_finite(blocks.data(), 0));
}

TEST_P(EveryBlockCodec, IntegerFormSaysWhatDecodeSays) {
  const Codec& codec = GetParam();
  const IntegerForm& form = *codec.integer_form;
  ASSERT_EQ(codec.block_elements % form.group_elements, 0U);
  const std::size_t groups = codec.block_elements / form.group_elements;
  std::mt19937 engine(13);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> block(codec.block_bytes);
    for (std::byte& byte : block) byte = static_cast<std::byte>(engine() & 0xFF);
    if (affine_format(codec.id)) {  // exact for scales as folders store them
      const float scale = half_to_float(static_cast<Half>(engine()));
      std::memcpy(block.data(), &scale, sizeof scale);
    }
    std::vector<std::uint8_t> codes(codec.block_elements);
    std::vector<float> scales(groups);
    std::vector<float> mins(groups, -1.0F);
    form.unpack(block.data(), codes.data(), scales.data(), mins.data());
    const auto x = decoded(codec, block);
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_LT(codes[i], 1U << form.code_bits);
      const float value =
          static_cast<float>(form.table != nullptr ? form.table[codes[i]] : codes[i] - form.offset);
      const std::size_t g = i / form.group_elements;
      if (!form.has_min) {
        ASSERT_EQ(mins[g], 0.0F);
      }
      const float expected = scales[g] * value - mins[g];
      if (codec.id == CodecId::nf4 || codec.id == CodecId::fp4) {  // tables of floats, near whole numbers
        if (!codec.is_finite(block.data(), 1)) continue;
        const double largest = std::fabs(double{scales[g]}) * 127;
        if (largest < 1e-30) continue;  // subnormal scales have few digits
        ASSERT_LE(std::fabs(double{x[i]} - double{expected}), 0.0037 * largest) << "element " << i;
        continue;
      }
      if (form.has_min && affine_format(codec.id) && x[i] == expected) continue;  // zeros of either sign
      ASSERT_TRUE(bits(x[i]) == bits(expected) || (std::isnan(x[i]) && std::isnan(expected)))
          << "element " << i << ": " << x[i] << " and " << expected;
    }
  }
}

TEST_P(EveryBlockCodec, ScaleCodesSayWhatScalesAre) {
  const Codec& codec = GetParam();
  const IntegerForm& form = *codec.integer_form;
  if (form.unpack_scales == nullptr) return;
  ASSERT_EQ(codec.block_elements, 256U);
  const std::size_t groups = codec.block_elements / form.group_elements;
  std::mt19937 engine(14);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> block(codec.block_bytes);
    for (std::byte& byte : block) byte = static_cast<std::byte>(engine() & 0xFF);
    if (!codec.is_finite(block.data(), 1)) continue;
    std::vector<std::uint8_t> codes(codec.block_elements);
    std::vector<float> scales(groups);
    std::vector<float> mins(groups);
    form.unpack(block.data(), codes.data(), scales.data(), mins.data());
    ScaleCodes s{};
    form.unpack_scales(block.data(), s);
    for (std::size_t g = 0; g < groups; ++g) {
      // In double, so that a rounding of the product in float would show.
      EXPECT_EQ(static_cast<double>(scales[g]), static_cast<double>(half_to_float(s.factor)) * s.scales[g]);
      EXPECT_EQ(static_cast<double>(mins[g]), static_cast<double>(half_to_float(s.min_factor)) * s.mins[g]);
    }
  }
}

TEST(PlainFloats, KeepWhatTheyCanHold) {
  const std::vector<float> x = {0.0F, -0.0F, 1.0F, -2.5F, 65504.0F, 0x1p-24F, -0x1.8p-14F};
  for (const CodecId id : {CodecId::f32, CodecId::f16}) {
    EXPECT_THAT(decoded(codec_of(id), encoded(codec_of(id), x)), ElementsAreArray(x));
  }
  const std::vector<float> short_mantissa = {0.0F, -0.0F, 1.0F, -2.5F, 0x1.FEp127F, 0x1p-133F};
  EXPECT_THAT(decoded(codec_of(CodecId::bf16), encoded(codec_of(CodecId::bf16), short_mantissa)),
              ElementsAreArray(short_mantissa));
}

}  // namespace
}  // namespace mote::codec
