// Layouts of other tools, packed here bit by bit as their specifications say, read back as codecs.
#include "formats/hf_quantized/layouts.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "codec/codec.h"
#include "codec/table4.h"
#include "formats/hf_quantized/test_folder.h"
#include "tensor/stored_type.h"
#include "testing/environment.h"

namespace mote::formats {
namespace {

using testing::halves;
using testing::put;
using testing::raw;

// In a folder of its own.
class TestFolder : public testing::TestFolder {
 public:
  explicit TestFolder(std::string quantization)
      : testing::TestFolder(std::move(quantization), mote::testing::fresh_folder()) {}
};

constexpr const char* kCompressed = R"({"quant_method":"compressed-tensors","format":"pack-quantized"})";

// Codes, scales and zero points of a matrix.
struct Weight {
  std::size_t rows, cols, group;
  unsigned bits;
  std::vector<unsigned> codes;  // [rows][cols]
  std::vector<float> scales;    // [rows][groups]
  std::vector<unsigned> zeros;

  Weight(std::size_t r, std::size_t c, std::size_t g, unsigned b, bool symmetric, std::uint64_t seed)
      : rows(r), cols(c), group(g), bits(b), codes(r * c), scales(r * c / g), zeros(r * c / g) {
    Rng rng(seed);
    for (unsigned& v : codes) v = static_cast<unsigned>(rng.next_below(std::uint64_t{1} << bits));
    for (float& s : scales)
      s = half_to_float(float_to_half(0.001F + 0.01F * static_cast<float>(rng.next_below(100))));
    for (unsigned& z : zeros)
      z = symmetric ? 1U << (bits - 1) : static_cast<unsigned>(rng.next_below(std::uint64_t{1} << bits));
  }
  [[nodiscard]] std::size_t groups() const { return cols / group; }
  [[nodiscard]] float value(std::size_t r, std::size_t c) const {
    const std::size_t g = r * groups() + c / group;
    return scales[g] * static_cast<float>(static_cast<int>(codes[r * cols + c]) - static_cast<int>(zeros[g]));
  }
  // [groups][rows], as GPTQ and AWQ have scales.
  [[nodiscard]] std::vector<float> turned_scales() const {
    std::vector<float> out;
    for (std::size_t g = 0; g < groups(); ++g) {
      for (std::size_t r = 0; r < rows; ++r) out.push_back(scales[r * groups() + g]);
    }
    return out;
  }
};

void expect_values(const TestFolder& folder, const Weight& w, const std::string& codec_name) {
  const auto opened = folder.open();
  ASSERT_TRUE(opened) << format_error(opened.error());
  ASSERT_EQ(opened->source->tensors().size(), 1U);
  const TensorInfo& info = opened->source->tensors()[0];
  EXPECT_EQ(info.name, "m.weight");
  EXPECT_EQ(info.shape, (Shape{w.rows, w.cols}));
  EXPECT_EQ(codec::codec_of(info.codec).name, codec_name);
  EXPECT_EQ(opened->source->find("m.weight"), std::optional<std::size_t>(0));
  const auto tensor = opened->source->read(0);
  ASSERT_TRUE(tensor) << format_error(tensor.error());
  std::vector<float> x(w.rows * w.cols);
  const codec::Codec& codec = codec::codec_of(tensor->codec);
  codec.decode(tensor->blocks().data(), x.data(), x.size() / codec.block_elements);
  for (std::size_t r = 0; r < w.rows; ++r) {
    for (std::size_t c = 0; c < w.cols; ++c) ASSERT_EQ(x[r * w.cols + c], w.value(r, c)) << r << " " << c;
  }
}

// Word w of output r stands at [r][w]: values along the inputs.
void add_packed(TestFolder& folder, const Weight& w, bool asymmetric, bool with_shape = true) {
  const std::size_t row_words = w.cols * w.bits / 32;
  std::vector<std::uint32_t> words(w.rows * row_words);
  for (std::size_t r = 0; r < w.rows; ++r) {
    for (std::size_t c = 0; c < w.cols; ++c)
      put(words, r * row_words, 1, c * w.bits, w.bits, w.codes[r * w.cols + c]);
  }
  folder.add("m.weight_packed", "I32", {w.rows, row_words}, raw(words));
  folder.add("m.weight_scale", "F16", {w.rows, w.groups()}, halves(w.scales));
  if (with_shape)
    folder.add(
        "m.weight_shape", "I64", {2},
        raw(std::vector<std::int64_t>{static_cast<std::int64_t>(w.rows), static_cast<std::int64_t>(w.cols)}));
  if (!asymmetric) return;
  const std::size_t zero_words = (w.rows * w.bits + 31) / 32;
  std::vector<std::uint32_t> zeros(zero_words * w.groups());
  for (std::size_t g = 0; g < w.groups(); ++g) {
    for (std::size_t r = 0; r < w.rows; ++r)
      put(zeros, g, w.groups(), r * w.bits, w.bits, w.zeros[r * w.groups() + g]);
  }
  folder.add("m.weight_zero_point", "I32", {zero_words, w.groups()}, raw(zeros));
}

TEST(PackQuantized, CodesLieAlongTheInputsAndZeroPointsAlongTheOutputs) {
  for (const unsigned bits : {4U, 8U, 2U}) {
    for (const bool asymmetric : {false, true}) {
      for (const std::size_t group : {32UL, 64UL, 128UL, 256UL}) {
        const Weight w(20, 256, group, bits, !asymmetric, bits + group);
        TestFolder folder(kCompressed);
        add_packed(folder, w, asymmetric);
        const std::string size = group == 256 ? "row" : "g" + std::to_string(group);
        expect_values(folder, w, "int" + std::to_string(bits) + "-" + size + (asymmetric ? "-asym" : "-sym"));
      }
    }
  }
}

TEST(PackQuantized, AGroupLargerThanABlockBecomesSeveralBlocks) {
  const Weight w(3, 768, 384, 4, true, 5);
  TestFolder folder(kCompressed);
  add_packed(folder, w, false);
  expect_values(folder, w, "int4-g128-sym");
}

std::string error_of(const TestFolder& folder) {
  const auto opened = folder.open();
  if (!opened) return std::string(opened.error().code.name) + ": " + opened.error().message;
  for (std::size_t i = 0; i < opened->source->tensors().size(); ++i) {
    const auto tensor = opened->source->read(i);
    if (!tensor) return std::string(tensor.error().code.name) + ": " + tensor.error().message;
  }
  return "none";
}

TEST(PackQuantized, SaysWhichPartIsWrong) {
  const Weight w(4, 64, 32, 4, true, 6);
  {
    TestFolder folder(kCompressed);
    add_packed(folder, w, false, false);
    EXPECT_EQ(error_of(folder), "QUANTIZED_TENSOR: tensor \"m.weight_shape\" is missing");
  }
  {
    TestFolder folder(kCompressed);
    add_packed(folder, w, false, false);
    folder.add("m.weight_shape", "I64", {2}, raw(std::vector<std::int64_t>{4, 96}));
    EXPECT_NE(error_of(folder).find("m.weight_packed\" has 8 words for rows of 96"), std::string::npos);
  }
  {
    TestFolder folder(kCompressed);
    add_packed(folder, w, false, false);
    folder.add("m.weight_shape", "I64", {2}, raw(std::vector<std::int64_t>{-4, 64}));
    EXPECT_NE(error_of(folder).find("m.weight_shape\" holds -4"), std::string::npos);
  }
  {
    TestFolder folder(kCompressed);
    add_packed(folder, w, false);
    std::vector<std::uint32_t> order(64);
    for (std::uint32_t i = 0; i < 64; ++i) order[i] = i % 2;
    folder.add("m.weight_g_idx", "I32", {64}, raw(order));
    EXPECT_NE(error_of(folder).find("FORMAT_QUANTIZED"), std::string::npos);
  }
  {
    Weight nan = w;
    nan.scales[3] = NAN;
    TestFolder folder(kCompressed);
    add_packed(folder, nan, false);
    EXPECT_EQ(
        error_of(folder),
        "QUANTIZED_TENSOR: tensor \"m.weight_scale\" has an infinity or NaN at element 3, expected scales");
  }
  {
    TestFolder folder(kCompressed);
    add_packed(folder, w, false);
    folder.add("m.weight", "F16", {1}, halves({1}));
    EXPECT_NE(error_of(folder).find("is there twice"), std::string::npos);
  }
}

TEST(PlainCodes, AreBytesUnderScalesOfRowsGroupsOrTheTensor) {
  Rng rng(8);
  for (const std::size_t group : {64UL, 256UL}) {
    Weight w(5, 256, group, 8, true, 9);
    std::vector<std::int8_t> bytes;
    for (const unsigned c : w.codes) bytes.push_back(static_cast<std::int8_t>(static_cast<int>(c) - 128));
    TestFolder folder(R"({"quant_method":"compressed-tensors","format":"int-quantized"})");
    folder.add("m.weight", "I8", {w.rows, w.cols}, raw(bytes));
    folder.add("m.weight_scale", "F32", {w.rows, w.groups()}, raw(w.scales));
    folder.add("m.input_scale", "F32", {1}, raw(std::vector<float>{1}));
    expect_values(folder, w, group == 64 ? "int8-g64-sym" : "int8-row-sym");
  }
  Weight w(5, 64, 64, 8, false, 9);
  std::vector<std::int8_t> bytes;
  std::vector<std::int8_t> zeros;
  for (const unsigned c : w.codes) bytes.push_back(static_cast<std::int8_t>(static_cast<int>(c) - 128));
  for (const unsigned z : w.zeros) zeros.push_back(static_cast<std::int8_t>(static_cast<int>(z) - 128));
  TestFolder folder(kCompressed);
  folder.add("m.weight", "I8", {w.rows, w.cols}, raw(bytes));
  folder.add("m.weight_scale", "F32", {w.rows, 1}, raw(w.scales));
  folder.add("m.weight_zero_point", "I8", {w.rows, 1}, raw(zeros));
  expect_values(folder, w, "int8-g64-asym");
}

TEST(PlainCodes, OfFloatsAreE4m3TimesTheScale) {
  Rng rng(8);
  std::vector<std::uint8_t> codes(3 * 96);
  for (auto& c : codes) {
    do c = static_cast<std::uint8_t>(rng.next_below(256));
    while ((c & 0x7F) == 0x7F);
  }
  for (const bool one : {false, true}) {
    const std::vector<float> scales = one ? std::vector<float>{0.5F} : std::vector<float>{0.5F, 0.25F, 3.0F};
    TestFolder folder(R"({"quant_method":"compressed-tensors","format":"float-quantized"})");
    folder.add("m.weight", "F8_E4M3", {3, 96}, codes);
    folder.add("m.weight_scale", "BF16",
               one ? std::vector<std::uint64_t>{1} : std::vector<std::uint64_t>{3, 1}, [&] {
                 std::vector<std::uint16_t> out;
                 for (const float s : scales) out.push_back(float_to_bhalf(s));
                 return raw(out);
               }());
    const auto opened = folder.open();
    ASSERT_TRUE(opened) << format_error(opened.error());
    const auto tensor = opened->source->read(0);
    ASSERT_TRUE(tensor);
    EXPECT_EQ(tensor->codec, CodecId::fp8);
    std::vector<float> x(codes.size());
    codec::codec_of(CodecId::fp8).decode(tensor->blocks().data(), x.data(), x.size() / 32);
    for (std::size_t i = 0; i < x.size(); ++i)
      ASSERT_EQ(x[i], e4m3_to_float(codes[i]) * scales[one ? 0 : i / 96]);
  }
}

std::string gptq_config(unsigned bits, std::size_t group, bool symmetric, const char* version) {
  return R"({"quant_method":"gptq","bits":)" + std::to_string(bits) + R"(,"group_size":)" +
         (group == 0 ? "-1" : std::to_string(group)) + R"(,"sym":)" + (symmetric ? "true" : "false") +
         R"(,"desc_act":false,"checkpoint_format":")" + version + "\"}";
}

// qweight: word w of output r at [w][r]; qzeros: word w of group g at [g][w]. `less`: what zero points are
// stored less.
void add_gptq(TestFolder& folder, const Weight& w, unsigned less) {
  std::vector<std::uint32_t> words(w.cols * w.bits / 32 * w.rows);
  for (std::size_t r = 0; r < w.rows; ++r) {
    for (std::size_t c = 0; c < w.cols; ++c)
      put(words, r, w.rows, c * w.bits, w.bits, w.codes[r * w.cols + c]);
  }
  const std::size_t zero_words = w.rows * w.bits / 32;
  std::vector<std::uint32_t> zeros(w.groups() * zero_words);
  for (std::size_t g = 0; g < w.groups(); ++g) {
    for (std::size_t r = 0; r < w.rows; ++r)
      put(zeros, g * zero_words, 1, r * w.bits, w.bits, w.zeros[r * w.groups() + g] - less);
  }
  folder.add("m.qweight", "I32", {w.cols * w.bits / 32, w.rows}, raw(words));
  folder.add("m.qzeros", "I32", {w.groups(), zero_words}, raw(zeros));
  folder.add("m.scales", "F16", {w.groups(), w.rows}, halves(w.turned_scales()));
  std::vector<std::uint32_t> order(w.cols);
  for (std::size_t i = 0; i < w.cols; ++i) order[i] = static_cast<std::uint32_t>(i / w.group);
  folder.add("m.g_idx", "I32", {w.cols}, raw(order));
}

TEST(Gptq, CodesLieDownTheInputsInBothVersions) {
  for (const unsigned bits : {2U, 3U, 4U, 8U}) {
    for (const bool symmetric : {true, false}) {
      Weight w(64, 192, 64, bits, symmetric, bits);
      for (unsigned& z : w.zeros) z = z == 0 ? 1 : z;  // the first version has no 0
      for (const unsigned less : {0U, 1U}) {
        TestFolder folder(gptq_config(bits, 64, symmetric, less == 1 ? "gptq" : "gptq_v2"));
        add_gptq(folder, w, less);
        expect_values(folder, w, "int" + std::to_string(bits) + "-g64-" + (symmetric ? "sym" : "asym"));
      }
    }
  }
}

// Positions that the specification names: value 10 begins in bits 30 and 31 of the first word and ends in bit
// 0 of the second, value 21 begins in bit 31 of the second.
TEST(Gptq, ThreeBitsStraddleWords) {
  std::vector<std::uint32_t> words(3 * 32, 0);
  words[0 * 32 + 7] = 1U << 31;  // of output 7: value 10 = binary .1.
  words[1 * 32 + 7] = 1U << 0 | 1U << 31;
  words[2 * 32 + 7] = 1U << 1;
  TestFolder folder(gptq_config(3, 0, true, "gptq_v2"));
  folder.add("m.qweight", "I32", {3, 32}, raw(words));
  std::vector<std::uint32_t> zeros(3);
  for (std::size_t r = 0; r < 32; ++r) put(zeros, 0, 1, r * 3, 3, 4);
  folder.add("m.qzeros", "I32", {1, 3}, raw(zeros));
  folder.add("m.scales", "F16", {1, 32}, halves(std::vector<float>(32, 1.0F)));
  const auto opened = folder.open();
  ASSERT_TRUE(opened) << format_error(opened.error());
  const auto tensor = opened->source->read(0);
  ASSERT_TRUE(tensor);
  std::vector<float> x(32 * 32);
  const codec::Codec& codec = codec::codec_of(tensor->codec);
  codec.decode(tensor->blocks().data(), x.data(), 32);
  for (std::size_t i = 0; i < 32; ++i) {
    const float code = i == 10 ? 6.0F : i == 21 ? 5.0F : 0.0F;
    EXPECT_EQ(x[7 * 32 + i], code - 4.0F) << i;
    EXPECT_EQ(x[8 * 32 + i], -4.0F);
  }
}

TEST(Gptq, SaysWhatItDoesNotRead) {
  const Weight w(32, 64, 32, 4, true, 3);
  {
    TestFolder folder(gptq_config(4, 32, true, "gptq"));
    add_gptq(folder, w, 0);  // the zero points of the other version
    EXPECT_NE(error_of(folder).find("\"m.qzeros\" has a zero point of 9"), std::string::npos);
  }
  {
    TestFolder folder(gptq_config(4, 64, true, "gptq_v2"));
    add_gptq(folder, w, 0);
    EXPECT_NE(error_of(folder).find("\"m.scales\" has shape [2, 32], expected [1, 32]"), std::string::npos);
  }
  for (const char* config :
       {R"({"quant_method":"gptq","bits":5,"group_size":32})", R"({"quant_method":"gptq","bits":4})",
        R"({"quant_method":"gptq","bits":4,"group_size":24})", R"({"quant_method":4})", "[]"}) {
    EXPECT_EQ(error_of(TestFolder(config)).substr(0, 16), "QUANTIZED_CONFIG") << config;
  }
  for (const char* config :
       {R"({"quant_method":"gptq","bits":4,"group_size":32,"checkpoint_format":"marlin"})",
        R"({"quant_method":"fp8"})", R"({"quant_method":"awq","bits":4,"version":"gemv"})",
        R"({"quant_method":"gptq","bits":4,"group_size":32,"dynamic":{"+:q":{"bits":8}}})",
        R"({"quant_method":"compressed-tensors","format":"nvfp4-pack-quantized"})",
        R"({"quant_method":"bitsandbytes","load_in_8bit":true})"}) {
    EXPECT_EQ(error_of(TestFolder(config)).substr(0, 16), "FORMAT_QUANTIZED") << config;
  }
}

TEST(Awq, EightOutputsShareAWordInTheirOrder) {
  const Weight w(16, 128, 64, 4, false, 12);
  constexpr std::size_t kOrder[8] = {0, 2, 4, 6, 1, 3, 5, 7};  // of the outputs, by nibble
  const std::size_t row_words = w.rows / 8;
  std::vector<std::uint32_t> words(w.cols * row_words);
  std::vector<std::uint32_t> zeros(w.groups() * row_words);
  for (std::size_t c = 0; c < row_words; ++c) {
    for (std::size_t i = 0; i < 8; ++i) {
      const std::size_t r = 8 * c + kOrder[i];
      for (std::size_t k = 0; k < w.cols; ++k) words[k * row_words + c] |= w.codes[r * w.cols + k] << (4 * i);
      for (std::size_t g = 0; g < w.groups(); ++g)
        zeros[g * row_words + c] |= w.zeros[r * w.groups() + g] << (4 * i);
    }
  }
  TestFolder folder(R"({"quant_method":"awq","bits":4,"group_size":64,"zero_point":true,"version":"gemm"})");
  folder.add("m.qweight", "I32", {w.cols, row_words}, raw(words));
  folder.add("m.qzeros", "I32", {w.groups(), row_words}, raw(zeros));
  folder.add("m.scales", "F16", {w.groups(), w.rows}, halves(w.turned_scales()));
  expect_values(folder, w, "int4-g64-asym");
}

constexpr const char* kBitsandbytes = R"({"quant_method":"bitsandbytes","load_in_4bit":true})";

TEST(Bitsandbytes, ReadsHighNibblesFirstWithAndWithoutDoubleQuantization) {
  Rng rng(4);
  const std::size_t rows = 6;
  const std::size_t cols = 128;
  std::vector<unsigned> codes(rows * cols);
  for (unsigned& c : codes) c = static_cast<unsigned>(rng.next_below(16));
  std::vector<std::uint8_t> packed(codes.size() / 2);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    packed[i / 2] = static_cast<std::uint8_t>(packed[i / 2] | codes[i] << (i % 2 == 0 ? 4 : 0));
  }
  for (const bool nf4 : {true, false}) {
    for (const bool nested : {false, true}) {
      const auto& table = nf4 ? codec::kNf4Values : codec::kFp4TableValues;
      std::vector<float> absmax(rows * cols / 64);
      std::string state = std::string(R"({"quant_type":")") + (nf4 ? "nf4" : "fp4") +
                          R"(","blocksize":64,"dtype":"float16","shape":[6,128])";
      TestFolder folder(kBitsandbytes);
      folder.add("m.weight", "U8", {codes.size() / 2, 1}, packed);
      folder.add("m.weight.quant_map", "F32", {16}, raw(std::vector<float>(table.begin(), table.end())));
      if (nested) {
        std::vector<std::uint8_t> small(absmax.size());
        std::vector<float> map(256);
        for (std::size_t i = 0; i < 256; ++i) map[i] = static_cast<float>(i) / 255.0F;
        for (std::size_t i = 0; i < small.size(); ++i) {
          small[i] = static_cast<std::uint8_t>(rng.next_below(256));
          absmax[i] = map[small[i]] * 0.75F + 0.5F;
        }
        state += R"(,"nested_blocksize":256,"nested_dtype":"float32","nested_offset":0.5)";
        folder.add("m.weight.absmax", "U8", {small.size()}, small);
        folder.add("m.weight.nested_absmax", "F32", {1}, raw(std::vector<float>{0.75F}));
        folder.add("m.weight.nested_quant_map", "F32", {256}, raw(map));
      } else {
        for (float& a : absmax) a = 0.01F * static_cast<float>(1 + rng.next_below(100));
        folder.add("m.weight.absmax", "F32", {absmax.size()}, raw(absmax));
      }
      state += "}";
      folder.add(std::string("m.weight.quant_state.bitsandbytes__") + (nf4 ? "nf4" : "fp4"), "U8",
                 {state.size()}, testing::Bytes8(state.begin(), state.end()));
      const auto opened = folder.open();
      ASSERT_TRUE(opened) << format_error(opened.error());
      ASSERT_EQ(opened->source->tensors().size(), 1U);
      const auto tensor = opened->source->read(0);
      ASSERT_TRUE(tensor) << format_error(tensor.error());
      EXPECT_EQ(tensor->codec, nf4 ? CodecId::nf4 : CodecId::fp4);
      std::vector<float> x(codes.size());
      codec::codec_of(tensor->codec).decode(tensor->blocks().data(), x.data(), x.size() / 64);
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(x[i], table[codes[i]] * absmax[i / 64]) << i;
    }
  }
}

TEST(Bitsandbytes, SaysWhichPartIsWrong) {
  const std::vector<std::uint8_t> packed(64);
  const std::vector<float> table(codec::kNf4Values.begin(), codec::kNf4Values.end());
  const auto with = [&](const std::string& state, const std::vector<float>& map) {
    TestFolder folder(kBitsandbytes);
    folder.add("m.weight", "U8", {64, 1}, packed);
    folder.add("m.weight.quant_map", "F32", {16}, raw(map));
    folder.add("m.weight.absmax", "F32", {2}, raw(std::vector<float>{1, 1}));
    folder.add("m.weight.quant_state.bitsandbytes__nf4", "U8", {state.size()},
               testing::Bytes8(state.begin(), state.end()));
    return error_of(folder);
  };
  EXPECT_EQ(with(R"({"blocksize":64,"shape":[2,64]})", table), "none");
  EXPECT_NE(with(R"({"blocksize":128,"shape":[2,64]})", table).find("blocksize"), std::string::npos);
  EXPECT_NE(with(R"({"blocksize":64,"shape":[4,32]})", table).find("multiple of 64"), std::string::npos);
  EXPECT_NE(with(R"({"blocksize":64,"shape":[4,64]})", table).find("m.weight\" has shape"),
            std::string::npos);
  EXPECT_NE(with(R"({"blocksize":64,"shape":[18446744073709551615,64]})", table).find("shape"),
            std::string::npos);
  EXPECT_NE(with("[[[[[[[[[[[", table).find("no JSON object"), std::string::npos);
  std::vector<float> other = table;
  other[3] = 0.5F;
  EXPECT_NE(with(R"({"blocksize":64,"shape":[2,64]})", other).find("another table"), std::string::npos);
  TestFolder folder(kBitsandbytes);
  folder.add("m.weight", "U8", {64, 1}, packed);
  EXPECT_NE(error_of(folder).find("is missing"), std::string::npos);
}

}  // namespace
}  // namespace mote::formats
