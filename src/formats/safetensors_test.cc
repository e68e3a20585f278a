#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "formats/gguf_test_file.h"
#include "testing/environment.h"

namespace mote::formats {
namespace {

using ::testing::AllOf;
using testing::Bytes;
using testing::flip_bit;
using ::testing::HasSubstr;
using testing::save;

std::string with_length(std::string_view header, std::string_view data, std::uint64_t length) {
  return Bytes().u64(length).raw(header).raw(data).text();
}
std::string file_of(std::string_view header, std::string_view data) {
  return with_length(header, data, header.size());
}

// One tensor "t" with these parts of its entry and 16 bytes of data.
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return file_of("{\"t\":{\"dtype\":" + std::string(dtype) + ",\"shape\":" + std::string(shape) +
                     ",\"data_offsets\":" + std::string(offsets) + "}}",
                 "0123456789abcdef");
}

class SafetensorsTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<SafetensorsFile>> open(std::string_view content, const Limits& limits = {}) {
    return SafetensorsFile::open(save(path_, content), limits);
  }
  std::string code(std::string_view content, const Limits& limits = {}) {
    const auto file = open(content, limits);
    if (file) return "opened";
    message_ = file.error().message;
    EXPECT_EQ(file.error().file, path_.string());
    return std::string(file.error().code.name);
  }
  std::filesystem::path path_ = mote::testing::fresh_folder() / "model.safetensors";
  std::string message_;
};

constexpr std::string_view kTwo =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2,2],"data_offsets":[8,16]},)"
    R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )";

TEST_F(SafetensorsTest, ShowsTensorsInTheOrderOfTheirBytes) {
  const auto file = open(file_of(kTwo, "aaaaaaaabbbbbbbb"));
  ASSERT_TRUE(file) << format_error(file.error());
  ASSERT_EQ((*file)->tensors().size(), 2U);
  EXPECT_EQ((*file)->tensors()[0].name, "a");
  EXPECT_EQ((*file)->tensors()[0].codec, CodecId::f32);
  EXPECT_EQ((*file)->tensors()[1].codec, CodecId::f16);
  EXPECT_EQ((*file)->tensors()[1].shape, (Shape{2, 2}));
  EXPECT_EQ((*file)->find("b"), 1U);
  const auto b = (*file)->read(1);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->blocks().size(), 8U);
  EXPECT_EQ(b->blocks().front(), std::byte{'b'});
  ASSERT_EQ((*file)->metadata().size(), 1U);
  EXPECT_EQ((*file)->metadata()[0].second, "pt");
}

TEST_F(SafetensorsTest, OpensEmptyFilesAndScalars) {
  EXPECT_EQ(code(file_of("{}", "")), "opened");
  EXPECT_EQ(code(file_of(R"({"s":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}})", "xx")), "opened");
  EXPECT_EQ(code(one("\"F32\"", "[2,2]", "[0,16]")), "opened");
}

// Reliability table, row 27.
TEST_F(SafetensorsTest, RefusesBadHeaderLengths) {
  EXPECT_EQ(code("1234567"), "ST_HEADER_LENGTH");
  EXPECT_EQ(code(""), "ST_HEADER_LENGTH");
  EXPECT_EQ(code(with_length("{}", "", 0)), "ST_HEADER_LENGTH");
  EXPECT_EQ(code(with_length("{}", "", 1)), "ST_HEADER_LENGTH");
  EXPECT_EQ(code(with_length("{}", "", 3)), "ST_HEADER_LENGTH");
  EXPECT_EQ(code(with_length("{}", "", UINT64_MAX)), "ST_HEADER_LENGTH");
  EXPECT_EQ(code(with_length("{}", std::string(1000, ' '), 100'000'001)), "ST_HEADER_LENGTH");
  Limits small;
  small.safetensors_header_bytes = 10;
  EXPECT_EQ(code(file_of(kTwo, "aaaaaaaabbbbbbbb"), small), "ST_HEADER_LENGTH");
  EXPECT_THAT(message_, HasSubstr("limit 10"));
}

// Row 28.
TEST_F(SafetensorsTest, RefusesHeadersThatAreNoStrictJsonObject) {
  for (const std::string& header :
       {std::string(" {}"), std::string("[]"), std::string("\xEF\xBB\xBF{}"), std::string("{\"a\xFF\":1}"),
        std::string("{} x"), std::string("{}{}"), std::string("{\"a\":}"), std::string("{}\0", 3),
        std::string("{ }\n,"), "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}",
        std::string("{\"t\":5}"), std::string("{\"t\":{}}"),
        std::string(R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})")}) {
    EXPECT_EQ(code(file_of(header, "")), "ST_HEADER_JSON") << header.substr(0, 40);
  }
  const auto file = open(file_of("{\"a\":}", ""));
  EXPECT_EQ(file.error().byte_position, 13U);  // 8 bytes of length, then the closing brace
}

// Row 29.
TEST_F(SafetensorsTest, RefusesDuplicatesAndOddMetadata) {
  EXPECT_EQ(
      code(file_of(
          R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
          "12345678")),
      "ST_DUP");
  EXPECT_EQ(code(file_of(R"({"__metadata__":{"a":"1","a":"2"}})", "")), "ST_DUP");
  EXPECT_EQ(code(file_of(R"({"__metadata__":{"a":1}})", "")), "ST_METADATA");
  EXPECT_EQ(code(file_of(R"({"__metadata__":[]})", "")), "ST_METADATA");
}

// Row 30.
TEST_F(SafetensorsTest, RefusesOtherDtypesAndOddShapes) {
  EXPECT_EQ(code(one("\"X9\"", "[2,2]", "[0,16]")), "ST_DTYPE");
  EXPECT_THAT(message_, HasSubstr("does not know"));
  EXPECT_EQ(code(one("5", "[2,2]", "[0,16]")), "ST_DTYPE");
  for (const char* known :
       {"F4", "F6_E2M3", "F6_E3M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "C64", "C128"}) {
    EXPECT_EQ(code(one("\"" + std::string(known) + "\"", "[2]", "[0,16]")), "ST_DTYPE");
    EXPECT_THAT(message_, AllOf(HasSubstr("\"t\""), HasSubstr(known), HasSubstr("mote does not read")));
  }
  for (const char* shape : {"[-1]", "[1.5]", "[1e3]", "[4.0]", "[\"4\"]", "4", "[0]", "[1,1,1,1,4]", "[null]",
                            "[9223372036854775808,4]", "[18446744073709551616]", "[4294967296,4294967296]"}) {
    EXPECT_EQ(code(one("\"F32\"", shape, "[0,16]")), "ST_SHAPE") << shape;
  }
}

TEST_F(SafetensorsTest, HandsOutF8AsF16AndF64AsF32) {
  // 1, -448, NaN, 2^-9 in E4M3; 1, -57344, infinity, 2^-16 in E5M2; bits of each as F16 by hand.
  const auto e4m3 =
      open(file_of(R"({"t":{"dtype":"F8_E4M3","shape":[2,2],"data_offsets":[0,4]}})", "\x38\xFE\x7F\x01"));
  ASSERT_TRUE(e4m3) << format_error(e4m3.error());
  const auto e5m2 = SafetensorsFile::open(
      save(path_.parent_path() / "e5m2",  // the other one stays mapped
           file_of(R"({"t":{"dtype":"F8_E5M2","shape":[2,2],"data_offsets":[0,4]}})", "\x3C\xFB\x7C\x01")));
  ASSERT_TRUE(e5m2) << format_error(e5m2.error());
  const auto halves = [](const SafetensorsFile& file) {
    const auto tensor = file.read(0);
    EXPECT_EQ(tensor->codec, CodecId::f16);
    std::vector<std::uint16_t> out(tensor->blocks().size() / 2);
    std::memcpy(out.data(), tensor->blocks().data(), tensor->blocks().size());
    return out;
  };
  EXPECT_EQ(halves(**e4m3), (std::vector<std::uint16_t>{0x3C00, 0xDF00, 0x7E00, 0x1800}));
  EXPECT_EQ(halves(**e5m2), (std::vector<std::uint16_t>{0x3C00, 0xFB00, 0x7C00, 0x0100}));
  const TensorInfo& info = (*e4m3)->tensors()[0];
  EXPECT_EQ(type_name(info), "F8_E4M3");
  EXPECT_EQ(stored_bytes(info), 4U);
  EXPECT_EQ(info.bytes, 8U);
  // 1 + 2^-24 + 2^-40 rounds up to 1 + 2^-23, unlike 1 + 2^-24, a tie.
  const std::vector<double> wide = {1 + 0x1p-24 + 0x1p-40, 1 + 0x1p-24, 1e39, -0.1};
  const std::string raw(reinterpret_cast<const char*>(wide.data()), 32);
  const auto f64 = open(file_of(R"({"t":{"dtype":"F64","shape":[4],"data_offsets":[0,32]}})", raw));
  ASSERT_TRUE(f64) << format_error(f64.error());
  const auto tensor = (*f64)->read(0);
  ASSERT_TRUE(tensor);
  std::vector<float> floats(4);
  ASSERT_EQ(tensor->blocks().size(), 16U);
  std::memcpy(floats.data(), tensor->blocks().data(), 16);
  EXPECT_EQ(floats, (std::vector<float>{1 + 0x1p-23F, 1, std::numeric_limits<float>::infinity(), -0.1F}));
}

TEST_F(SafetensorsTest, ListsIntegersAndRefusesThemAsWeights) {
  const struct {
    const char* dtype;
    std::size_t bytes;
  } types[] = {{"BOOL", 1}, {"I8", 1},  {"U8", 1},  {"I16", 2}, {"U16", 2},
               {"I32", 4},  {"U32", 4}, {"I64", 8}, {"U64", 8}};
  for (const auto& [dtype, bytes] : types) {
    const std::string end = std::to_string(3 * bytes);
    const std::string data = std::string("abcdefghijklmnopqrstuvwx").substr(0, 3 * bytes);
    const auto file = open(file_of(
        "{\"t\":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":[3],\"data_offsets\":[0," + end + "]}}",
        data));
    ASSERT_TRUE(file) << dtype << format_error(file.error());
    const TensorInfo& info = (*file)->tensors()[0];
    EXPECT_EQ(type_name(info), dtype);
    EXPECT_EQ(info.bytes, 3 * bytes);
    EXPECT_TRUE(info.is_integer());
    const auto raw = (*file)->stored(0);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(raw.data()), raw.size()), data);
    const auto weight = (*file)->read(0);
    ASSERT_FALSE(weight);
    EXPECT_EQ(weight.error().code.name, "TENSOR_TYPE");
    EXPECT_THAT(weight.error().message, AllOf(HasSubstr("\"t\""), HasSubstr(dtype)));
  }
  EXPECT_EQ(code(one("\"I64\"", "[2,2]", "[0,16]")), "ST_SIZE");
  EXPECT_EQ(code(one("\"U8\"", "[4294967296,4294967296]", "[0,16]")), "ST_SHAPE");
}

// Row 31.
TEST_F(SafetensorsTest, RefusesOffsetsThatDoNotCoverTheData) {
  for (const char* offsets :
       {"[16,0]", "[0,17]", "[0,18446744073709551615]", "[-1,15]", "[0]", "[0,8,16]", "[0.0,16]", "16"}) {
    EXPECT_EQ(code(one("\"F32\"", "[4]", offsets)), "ST_OFFSETS") << offsets;
  }
  EXPECT_EQ(code(one("\"F32\"", "[3]", "[0,12]")), "ST_COVERAGE");  // a tail
  EXPECT_EQ(code(one("\"F32\"", "[3]", "[4,16]")), "ST_COVERAGE");  // a gap in front
  EXPECT_EQ(code(file_of("{}", "hidden")), "ST_COVERAGE");
  const auto pair = [](std::string_view first, std::string_view second) {
    return file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)" + std::string(first) +
                       R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":)" + std::string(second) + "}}",
                   "0123456789abcdef");
  };
  EXPECT_EQ(code(pair("[0,8]", "[8,16]")), "opened");
  EXPECT_EQ(code(pair("[8,16]", "[0,8]")), "opened");
  EXPECT_EQ(code(pair("[0,8]", "[4,12]")), "ST_COVERAGE");
  EXPECT_EQ(code(pair("[0,8]", "[0,8]")), "ST_COVERAGE");
}

// Row 32.
TEST_F(SafetensorsTest, RefusesSizesThatDoNotMatchTheShape) {
  EXPECT_EQ(code(one("\"F32\"", "[2]", "[0,16]")), "ST_SIZE");
  EXPECT_EQ(code(one("\"F16\"", "[4]", "[0,16]")), "ST_SIZE");
  EXPECT_THAT(message_, AllOf(HasSubstr("16 bytes"), HasSubstr("need 8")));
  // Four times 2^62 elements wrap to zero bytes.
  EXPECT_EQ(code(one("\"F32\"", "[4611686018427387904]", "[0,0]")), "ST_SHAPE");
}

// Row 34.
TEST_F(SafetensorsTest, RefusesPickleUnderAFalseName) {
  EXPECT_EQ(code("PK\x03\x04 archive/data.pkl and so on"), "FORMAT_PICKLE");
  EXPECT_EQ(code("\x80\x04\x95 and so on, whatever it is"), "FORMAT_PICKLE");
  const auto file = open("PK\x03\x04 archive/data.pkl");
  EXPECT_THAT(file.error().hint, HasSubstr("safetensors"));
}

TEST_F(SafetensorsTest, HoldsTheLimitOnTensors) {
  Limits one_only;
  one_only.tensors = 1;
  EXPECT_EQ(code(file_of(R"({"a":1,"b":2})", ""), one_only), "ST_LIMIT");
}

TEST_F(SafetensorsTest, NeverSucceedsOnATruncatedFile) {
  const std::string whole = file_of(kTwo, "aaaaaaaabbbbbbbb");
  ASSERT_EQ(code(whole), "opened");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    ASSERT_NE(code(whole.substr(0, length)), "opened") << length;
  }
  EXPECT_EQ(code(whole + "x"), "ST_COVERAGE");
}

TEST_F(SafetensorsTest, SurvivesEveryFlippedBit) {
  const std::string text = file_of(kTwo, "aaaaaaaabbbbbbbb");
  save(path_, text);
  int opened = 0;
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    flip_bit(path_, bit);
    if (const auto file = SafetensorsFile::open(path_)) {
      ++opened;
      for (std::size_t t = 0; t < (*file)->tensors().size(); ++t) ASSERT_TRUE((*file)->read(t));
    }
    flip_bit(path_, bit);
  }
  EXPECT_GT(opened, 128);  // flips in the data are no errors
}

TEST_F(SafetensorsTest, FailsOneReadWhenTheFileShrinksWhileOpen) {
  const auto file = open(file_of(kTwo, "aaaaaaaabbbbbbbb"));
  ASSERT_TRUE(file);
  std::filesystem::resize_file(path_, 20);
  EXPECT_EQ((*file)->read(0).error().code.name, "MODEL_CHANGED");
}

}  // namespace
}  // namespace mote::formats
