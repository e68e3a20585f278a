#include "formats/gguf_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "formats/gguf_test_file.h"
#include "testing/environment.h"

namespace mote::formats {
namespace {

using ::testing::AllOf;
using testing::Bytes;
using ::testing::ElementsAre;
using testing::flip_bit;
using ::testing::HasSubstr;
using testing::save;
using testing::TestGguf;

// Type ids of ggml that the tests need.
constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ4Zero = 2;
constexpr std::uint32_t kString = 8;
constexpr std::uint32_t kArray = 9;
constexpr std::uint32_t kU8 = 0;
constexpr std::uint32_t kU32 = 4;

class GgufReaderTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<GgufFile>> open(std::string_view content, const Limits& limits = {}) {
    return GgufFile::open(save(path_, content), limits);
  }
  // The code of the refusal, or "opened".
  std::string code(std::string_view content, const Limits& limits = {}) {
    const auto file = open(content, limits);
    if (file) return "opened";
    message_ = file.error().message;
    EXPECT_EQ(file.error().file, path_.string());
    EXPECT_LE(format_error(file.error()).size(), 500U);
    return std::string(file.error().code.name);
  }
  std::string code(const TestGguf& file, const Limits& limits = {}) { return code(file.text(), limits); }

  std::filesystem::path path_ = mote::testing::fresh_folder() / "model.gguf";
  std::string message_;
};

// Two tensors of 32 bytes (8 floats) and 18 bytes (a block of Q4_0), and a key.
TestGguf small_file() {
  TestGguf file;
  file.entry("general.architecture", kString, Bytes().string("llama"));
  file.tensor({"a.weight", {4, 2}, kF32, 0});
  file.tensor({"b.weight", {32}, kQ4Zero, 32});
  file.data = std::string(32, 'A') + std::string(18, 'B');
  return file;
}

TEST_F(GgufReaderTest, ShowsMetadataShapesAndBytes) {
  const auto file = open(small_file().text());
  ASSERT_TRUE(file) << format_error(file.error());
  const GgufFile& gguf = **file;
  EXPECT_EQ(gguf.version(), 3U);
  EXPECT_EQ(gguf.alignment(), 32U);
  EXPECT_EQ(gguf.metadata().get_string("general.architecture").value_or(""), "llama");
  ASSERT_EQ(gguf.tensors().size(), 2U);
  EXPECT_EQ(gguf.tensors()[0].shape, (Shape{2, 4}));  // rows first
  EXPECT_EQ(gguf.tensors()[1].codec, CodecId::q4_0);
  EXPECT_EQ(gguf.tensors()[1].bytes, 18U);
  EXPECT_EQ(gguf.find("b.weight"), 1U);
  EXPECT_EQ(gguf.find("c.weight"), std::nullopt);
  const auto a = gguf.read(0);
  const auto b = gguf.read(1);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->blocks().size(), 32U);
  EXPECT_EQ(a->blocks().front(), std::byte{'A'});
  EXPECT_EQ(b->blocks().size(), 18U);
  EXPECT_EQ(b->blocks().back(), std::byte{'B'});
  gguf.will_need(1);
  gguf.dont_need(0);
}

TEST_F(GgufReaderTest, ReadsVersion2AndOtherAlignments) {
  TestGguf file = small_file();
  file.version = 2;
  EXPECT_EQ(code(file), "opened");

  TestGguf wide;
  wide.alignment = 128;
  wide.entry("general.alignment", kU32, Bytes().u32(128));
  wide.tensor({"a", {4}, kF32, 0}).tensor({"b", {4}, kF32, 128});
  wide.data = std::string(144, 'x');
  const auto opened = open(wide.text());
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->data_offset() % 128, 0U);
}

TEST_F(GgufReaderTest, OpensAVocabularyWithoutTensors) {
  TestGguf file;
  file.entry("general.architecture", kString, Bytes().string("llama"));
  const auto opened = open(file.text());
  ASSERT_TRUE(opened);
  EXPECT_TRUE((*opened)->tensors().empty());
}

TEST_F(GgufReaderTest, AcceptsAScalarAndUnpaddedEnd) {
  TestGguf file;
  file.tensor({"scale", {}, kF32, 0});
  file.data = "1234";
  const auto opened = open(file.text());
  ASSERT_TRUE(opened) << format_error(opened.error());
  EXPECT_EQ((*opened)->tensors()[0].shape.rank(), 0U);
  EXPECT_EQ((*opened)->tensors()[0].bytes, 4U);
}

// Reliability table, row 1.
TEST_F(GgufReaderTest, NamesTheMissingHeaderBytes) {
  for (const std::size_t length : {0U, 3U, 23U}) {
    EXPECT_EQ(code(small_file().text().substr(0, length)), "GGUF_TRUNCATED") << length;
    EXPECT_THAT(message_, AllOf(HasSubstr("needs 24 bytes"), HasSubstr("has " + std::to_string(length))));
  }
}

// Row 2.
TEST_F(GgufReaderTest, SaysWhatAFileWithAnotherMagicSeemsToBe) {
  const std::string rest(100, '\0');
  EXPECT_EQ(code("FUGG" + rest), "GGUF_ENDIAN");
  EXPECT_EQ(code("tjgg" + rest), "GGUF_MAGIC");
  EXPECT_THAT(message_, HasSubstr("GGJT"));
  EXPECT_EQ(code("lmgg" + rest), "GGUF_MAGIC");
  EXPECT_EQ(code("<!DOCTYPE html><html>404 not found</html>"), "GGUF_MAGIC");
  EXPECT_THAT(message_, HasSubstr("an HTML page"));
  EXPECT_EQ(code("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"), "GGUF_MAGIC");
  EXPECT_THAT(message_, HasSubstr("Git LFS pointer"));
  EXPECT_EQ(code(Bytes().u64(50).raw("{\"a\":{}").raw(rest).text()), "GGUF_MAGIC");
  EXPECT_THAT(message_, HasSubstr("safetensors"));
  EXPECT_EQ(code("PK\x03\x04" + rest), "FORMAT_PICKLE");
  EXPECT_EQ(code("\x80\x02}q" + rest), "FORMAT_PICKLE");
  EXPECT_EQ(code(rest), "GGUF_MAGIC");
}

// Row 3.
TEST_F(GgufReaderTest, RefusesOtherVersionsAndByteOrders) {
  for (const std::uint32_t version : {0U, 1U, 4U, 0xFFFFFFFFU}) {
    TestGguf file = small_file();
    file.version = version;
    EXPECT_EQ(code(file), "GGUF_VERSION") << version;
    EXPECT_THAT(message_, HasSubstr(std::to_string(version)));
  }
  TestGguf swapped = small_file();
  swapped.version = 0x03000000U;
  EXPECT_EQ(code(swapped), "GGUF_ENDIAN");
}

// Row 4.
TEST_F(GgufReaderTest, RefusesCountsThatTheFileCannotHold) {
  TestGguf file = small_file();
  file.tensor_count = UINT64_MAX;
  EXPECT_EQ(code(file), "GGUF_COUNT");
  file = small_file();
  file.entry_count = std::uint64_t{1} << 63;
  EXPECT_EQ(code(file), "GGUF_COUNT");
  file = small_file();
  file.tensor_count = 1000;
  EXPECT_EQ(code(file), "GGUF_COUNT");
  Limits one;
  one.tensors = 1;
  EXPECT_EQ(code(small_file(), one), "GGUF_LIMIT");
}

// Row 5.
TEST_F(GgufReaderTest, RefusesBadKeys) {
  const auto with_key = [](const Bytes& key) {
    TestGguf file;
    file.entries.raw(key.text()).u32(kU32).u32(7);
    file.entries.raw(std::string(70000, '\0'));  // so that it is never the end of the file
    file.entry_count = 1;
    return file;
  };
  EXPECT_EQ(code(with_key(Bytes().string("fine"))), "opened");
  EXPECT_EQ(code(with_key(Bytes().u64(UINT64_MAX))), "GGUF_KEY");
  EXPECT_EQ(code(with_key(Bytes().string(""))), "GGUF_KEY");
  EXPECT_EQ(code(with_key(Bytes().string(std::string(65536, 'k')))), "GGUF_KEY");
  EXPECT_EQ(code(with_key(Bytes().string(std::string(65535, 'k')))), "opened");
  EXPECT_EQ(code(with_key(Bytes().string(std::string_view("a\0b", 3)))), "GGUF_KEY");
  EXPECT_EQ(code(with_key(Bytes().string("a\xFF"))), "GGUF_KEY");
}

// Row 6.
TEST_F(GgufReaderTest, NamesBothPlacesOfADuplicateKey) {
  TestGguf file;
  file.entry("general.architecture", kString, Bytes().string("llama"));
  file.entry("other", kU32, Bytes().u32(1));
  file.entry("general.architecture", kString, Bytes().string("qwen2"));
  const auto opened = open(file.text());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code.name, "GGUF_DUP_KEY");
  EXPECT_THAT(opened.error().message, HasSubstr("first at byte 24"));
  // 24 + (8 + 20 + 4 + 8 + 5) + (8 + 5 + 4 + 4)
  EXPECT_EQ(opened.error().byte_position, 90U);
}

// Row 7.
TEST_F(GgufReaderTest, RefusesUnknownValueTypesAndOddBools) {
  for (const std::uint32_t type : {13U, 255U, 0xFFFFFFFFU}) {
    TestGguf file;
    file.entry("key", type, Bytes().u64(0));
    EXPECT_EQ(code(file), "GGUF_TYPE") << type;
    EXPECT_THAT(message_, HasSubstr("\"key\""));
    TestGguf in_array;
    in_array.entry("key", kArray, Bytes().u32(type).u64(0));
    EXPECT_EQ(code(in_array), "GGUF_TYPE") << type;
  }
  TestGguf odd;
  odd.entry("flag", 7, Bytes().put(std::uint8_t{7}));
  EXPECT_EQ(code(odd), "GGUF_TYPE");
  TestGguf odd_array;
  odd_array.entry("flags", kArray, Bytes().u32(7).u64(2).raw(std::string("\1\2", 2)));
  EXPECT_EQ(code(odd_array), "GGUF_TYPE");
}

// Row 8: each is about 43 bytes long.
TEST_F(GgufReaderTest, RefusesArraysLongerThanTheFile) {
  const auto with_array = [](std::uint32_t element, std::uint64_t count) {
    TestGguf file;
    file.entry("k", kArray, Bytes().u32(element).u64(count).raw("12"));
    return file;
  };
  EXPECT_EQ(code(with_array(kU8, 2)), "opened");
  EXPECT_EQ(code(with_array(kU8, 3)), "GGUF_ARRAY");
  EXPECT_EQ(code(with_array(kU8, std::uint64_t{1} << 63)), "GGUF_ARRAY");
  EXPECT_EQ(code(with_array(kString, std::uint64_t{1} << 62)), "GGUF_ARRAY");
  EXPECT_EQ(code(with_array(kArray, UINT64_MAX)), "GGUF_ARRAY");
  EXPECT_EQ(code(with_array(10, std::uint64_t{1} << 61)), "GGUF_ARRAY");  // times 8 wraps to 0
}

// Row 9.
TEST_F(GgufReaderTest, LimitsTheNestingOfArrays) {
  const auto nested = [](std::size_t depth) {
    Bytes value;
    for (std::size_t i = 1; i < depth; ++i) value.u32(kArray).u64(1);
    value.u32(kU8).u64(1).put(std::uint8_t{5});
    TestGguf file;
    file.entry("deep", kArray, value);
    return file;
  };
  EXPECT_EQ(code(nested(1)), "opened");
  EXPECT_EQ(code(nested(4)), "opened");
  EXPECT_EQ(code(nested(5)), "GGUF_DEPTH");
  EXPECT_EQ(code(nested(10000)), "GGUF_DEPTH");
}

// Row 10, and the same for arrays whose elements grow when decoded.
TEST_F(GgufReaderTest, BoundsTheMemoryOfDecodedValues) {
  const auto zeros = [](std::uint32_t element, std::uint64_t count, std::size_t size) {
    TestGguf file;
    file.entry("k", kArray, Bytes().u32(element).u64(count).raw(std::string(count * size, '\0')));
    return file;
  };
  EXPECT_EQ(code(zeros(kString, 1000, 8)), "opened");
  // 3 M empty strings: 24 MB in the file, 96 MB decoded, four times as much.
  EXPECT_EQ(code(zeros(kString, 3'000'000, 8)), "opened");
  // 9 M bytes would become 72 MB.
  EXPECT_EQ(code(zeros(kU8, 9'000'000, 1)), "GGUF_LIMIT");
  EXPECT_EQ(code(zeros(kU8, 1'000'000, 1)), "opened");
  // Empty arrays in an array: 12 bytes each in the file.
  EXPECT_EQ(code(zeros(kArray, 2'000'000, 12)), "GGUF_LIMIT");
}

TEST_F(GgufReaderTest, HoldsEveryLimit) {
  TestGguf file = small_file();
  file.entry("text", kString, Bytes().string(std::string(100, 'x')));
  Limits limits;
  limits.string_bytes = 99;
  EXPECT_EQ(code(file, limits), "GGUF_STRING");
  limits = {};
  limits.metadata_bytes = 100;
  EXPECT_EQ(code(file, limits), "GGUF_COUNT");
  limits.metadata_bytes = 160;
  EXPECT_EQ(code(file, limits), "GGUF_LIMIT");
  TestGguf array;
  array.entry("a", kArray, Bytes().u32(kU8).u64(10).raw("0123456789"));
  limits = {};
  limits.array_elements = 9;
  EXPECT_EQ(code(array, limits), "GGUF_LIMIT");
}

// Row 11.
TEST_F(GgufReaderTest, RefusesBadAlignments) {
  for (const std::uint32_t alignment : {0U, 3U, 48U, 131072U, 0x80000000U}) {
    TestGguf file;
    file.entry("general.alignment", kU32, Bytes().u32(alignment));
    EXPECT_EQ(code(file), "GGUF_ALIGNMENT") << alignment;
  }
  TestGguf as_i32;
  as_i32.entry("general.alignment", 5, Bytes().u32(32));
  EXPECT_EQ(code(as_i32), "GGUF_ALIGNMENT");
  TestGguf as_u64;
  as_u64.entry("general.alignment", 10, Bytes().u64(32));
  EXPECT_EQ(code(as_u64), "GGUF_ALIGNMENT");
  TestGguf as_text;
  as_text.entry("general.alignment", kString, Bytes().string("32"));
  EXPECT_EQ(code(as_text), "GGUF_ALIGNMENT");
  TestGguf largest;
  largest.entry("general.alignment", kU32, Bytes().u32(65536));
  EXPECT_EQ(code(largest), "opened");
}

// A file with one tensor and 64 bytes of data.
TestGguf one_tensor(const testing::TestTensor& tensor) {
  TestGguf file;
  file.tensor(tensor);
  file.data = std::string(64, 'x');
  return file;
}

// Row 12.
TEST_F(GgufReaderTest, RefusesBadDimensions) {
  EXPECT_EQ(code(one_tensor({"t", {4, 1, 1, 1}, kF32, 0})), "opened");
  EXPECT_EQ(code(one_tensor({"t", {4, 1, 1, 1, 1}, kF32, 0})), "GGUF_DIMS");
  EXPECT_EQ(code(one_tensor({"t", {4, 0}, kF32, 0})), "GGUF_DIMS");
  EXPECT_EQ(code(one_tensor({"t", {UINT64_MAX}, kF32, 0})), "GGUF_DIMS");
  TestGguf many;
  many.infos.string("t").u32(0xFFFFFFFFU).u64(4).u32(kF32).u64(0);
  many.tensor_count = 1;
  EXPECT_EQ(code(many), "GGUF_DIMS");
}

// Rows 13 and 14.
TEST_F(GgufReaderTest, RefusesSizesThatWrap) {
  const std::uint64_t two32 = std::uint64_t{1} << 32;
  EXPECT_EQ(code(one_tensor({"t", {two32, two32}, kF32, 0})), "GGUF_SHAPE_OVERFLOW");
  EXPECT_EQ(code(one_tensor({"t", {std::uint64_t{1} << 62, 4}, kF32, 0})), "GGUF_SHAPE_OVERFLOW");
  // 2^62 floats: 2^64 bytes. (2^42 + 1) rows of 2^20 floats: 2^64 + 2^22.
  EXPECT_EQ(code(one_tensor({"t", {std::uint64_t{1} << 62}, kF32, 0})), "GGUF_SHAPE_OVERFLOW");
  EXPECT_EQ(code(one_tensor({"t", {std::uint64_t{1} << 20, (std::uint64_t{1} << 42) + 1}, kF32, 0})),
            "GGUF_SHAPE_OVERFLOW");
  // 2^64 - 4 bytes, whose padding wraps to 0.
  EXPECT_EQ(code(one_tensor({"t", {(std::uint64_t{1} << 62) - 1}, kF32, 0})), "GGUF_SHAPE_OVERFLOW");
  // Two of 2^63 bytes each: the sum is 0.
  TestGguf two = one_tensor({"a", {std::uint64_t{1} << 61}, kF32, 0});
  two.tensor({"b", {std::uint64_t{1} << 61}, kF32, std::uint64_t{1} << 63});
  EXPECT_EQ(code(two), "GGUF_SHAPE_OVERFLOW");
  // Large but representable: simply not in the file.
  EXPECT_EQ(code(one_tensor({"t", {std::uint64_t{1} << 40}, kF32, 0})), "GGUF_TRUNCATED");
}

// Row 15.
TEST_F(GgufReaderTest, RefusesPartialBlocksAndUnknownTypes) {
  EXPECT_EQ(code(one_tensor({"t", {33}, kQ4Zero, 0})), "GGUF_BLOCK");
  EXPECT_EQ(code(one_tensor({"t", {16, 2}, kQ4Zero, 0})), "GGUF_BLOCK");  // a row, not the total, must fit
  EXPECT_EQ(code(one_tensor({"t", {}, kQ4Zero, 0})), "GGUF_BLOCK");
  for (const std::uint32_t retired : {4U, 5U, 31U, 36U, 43U, 1000U, 0xFFFFFFFFU}) {
    EXPECT_EQ(code(one_tensor({"t", {32}, retired, 0})), "GGUF_TENSOR_TYPE") << retired;
    EXPECT_THAT(message_, AllOf(HasSubstr("type " + std::to_string(retired)), HasSubstr("unknown or retired"),
                                HasSubstr("F32"), HasSubstr("IQ4_XS")));
  }
  EXPECT_EQ(code(one_tensor({"t", {256}, 27, 0})), "GGUF_TENSOR_TYPE");
  EXPECT_THAT(message_, HasSubstr("27 (I64)"));
}

// Row 16.
TEST_F(GgufReaderTest, RefusesOffsetsThatAreNotTheRunningSum) {
  EXPECT_EQ(code(one_tensor({"t", {4}, kF32, 4})), "GGUF_OFFSET");
  EXPECT_EQ(code(one_tensor({"t", {4}, kF32, 32})), "GGUF_OFFSET");
  EXPECT_EQ(code(one_tensor({"t", {4}, kF32, 1 << 20})), "GGUF_OFFSET");
  EXPECT_EQ(code(one_tensor({"t", {4}, kF32, UINT64_MAX - 31})), "GGUF_OFFSET");
  EXPECT_THAT(message_, AllOf(HasSubstr("\"t\""), HasSubstr("64 bytes of data are available")));
  TestGguf gap = one_tensor({"a", {4}, kF32, 0});
  gap.tensor({"b", {4}, kF32, 64});
  EXPECT_EQ(code(gap), "GGUF_OFFSET");
}

// Row 17.
TEST_F(GgufReaderTest, RefusesOverlapsAndBadNames) {
  TestGguf overlap = one_tensor({"a", {16}, kF32, 0});
  overlap.tensor({"b", {4}, kF32, 32});
  EXPECT_EQ(code(overlap), "GGUF_OVERLAP");
  TestGguf same_place = one_tensor({"a", {4}, kF32, 0});
  same_place.tensor({"b", {4}, kF32, 0});
  EXPECT_EQ(code(same_place), "GGUF_OVERLAP");
  TestGguf twice = one_tensor({"a", {4}, kF32, 0});
  twice.tensor({"a", {4}, kF32, 32});
  EXPECT_EQ(code(twice), "GGUF_TENSOR_NAME");
  EXPECT_EQ(code(one_tensor({std::string(63, 'n'), {4}, kF32, 0})), "opened");
  for (const std::string& name :
       {std::string(64, 'n'), std::string(4096, 'n'), std::string(), std::string("../../etc/x"),
        std::string("a/../b"), std::string("/abs"), std::string("a\x1B[2J"), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\xFF")}) {
    EXPECT_EQ(code(one_tensor({name, {4}, kF32, 0})), "GGUF_TENSOR_NAME") << name;
  }
}

// Row 18.
TEST_F(GgufReaderTest, NamesTheTensorThatIsCut) {
  std::string text = small_file().text();
  text.pop_back();
  EXPECT_EQ(code(text), "GGUF_TRUNCATED");
  EXPECT_THAT(message_, AllOf(HasSubstr("\"b.weight\""), HasSubstr("18 bytes"), HasSubstr("available: 49")));
}

TEST_F(GgufReaderTest, FailsOneReadWhenTheFileShrinksWhileOpen) {
  const auto file = open(small_file().text());
  ASSERT_TRUE(file);
  std::filesystem::resize_file(path_, 100);
  const auto tensor = (*file)->read(1);
  ASSERT_FALSE(tensor);
  EXPECT_EQ(tensor.error().code.name, "MODEL_CHANGED");
}

TEST_F(GgufReaderTest, ReadsEveryValueType) {
  TestGguf file;
  file.entry("u8", 0, Bytes().put(std::uint8_t{200}));
  file.entry("i8", 1, Bytes().put(std::int8_t{-100}));
  file.entry("u16", 2, Bytes().put(std::uint16_t{60000}));
  file.entry("i16", 3, Bytes().put(std::int16_t{-30000}));
  file.entry("u32", 4, Bytes().u32(4000000000U));
  file.entry("i32", 5, Bytes().put(std::int32_t{-2000000000}));
  file.entry("f32", 6, Bytes().put(0.1F));
  file.entry("bool", 7, Bytes().put(std::uint8_t{1}));
  file.entry("string", 8, Bytes().string(std::string_view("a\0\xFF", 3)));
  file.entry("u64", 10, Bytes().u64(UINT64_MAX));
  file.entry("i64", 11, Bytes().put(INT64_MIN));
  file.entry("f64", 12, Bytes().put(0.1));
  file.entry("ints", kArray, Bytes().u32(3).u64(2).put(std::int16_t{-1}).put(std::int16_t{7}));
  file.entry("floats", kArray, Bytes().u32(6).u64(1).put(0.1F));
  file.entry("texts", kArray, Bytes().u32(8).u64(2).string("x").string(""));
  file.entry("large", kArray, Bytes().u32(10).u64(2).u64(UINT64_MAX).u64(1));
  file.entry("bools", kArray, Bytes().u32(7).u64(2).raw(std::string("\1\0", 2)));
  const auto opened = open(file.text());
  ASSERT_TRUE(opened) << format_error(opened.error());
  const Metadata& m = (*opened)->metadata();
  EXPECT_EQ(m.get_uint("u8").value_or(0), 200U);
  EXPECT_EQ(m.get_uint("u16").value_or(0), 60000U);
  EXPECT_EQ(m.get_uint("u32").value_or(0), 4000000000U);
  EXPECT_EQ(m.get_uint("u64").value_or(0), UINT64_MAX);
  EXPECT_EQ(std::get<std::int64_t>(m.find("i8")->value), -100);
  EXPECT_EQ(std::get<std::int64_t>(m.find("i16")->value), -30000);
  EXPECT_EQ(std::get<std::int64_t>(m.find("i32")->value), -2000000000);
  EXPECT_EQ(std::get<std::int64_t>(m.find("i64")->value), INT64_MIN);
  EXPECT_EQ(m.get_float("f32").value_or(0), static_cast<double>(0.1F));
  EXPECT_EQ(m.get_float("f64").value_or(0), 0.1);
  EXPECT_TRUE(m.get_bool("bool").value_or(false));
  EXPECT_EQ(m.get_string("string").value_or(""), std::string("a\0\xFF", 3));
  EXPECT_THAT(*m.get_ints("ints"), ElementsAre(-1, 7));
  EXPECT_THAT(*m.get_floats("floats"), ElementsAre(static_cast<double>(0.1F)));
  EXPECT_THAT(*m.get_strings("texts"), ElementsAre("x", ""));
  EXPECT_EQ(m.get_ints("large").error().code.name, "META_RANGE");
  EXPECT_EQ(std::get<std::uint64_t>(std::get<std::vector<MetaValue>>(m.find("large")->value)[0].value),
            UINT64_MAX);
  EXPECT_EQ(m.find("bools")->element, ValueType::boolean);
}

// A valid file with every kind of value, an array of arrays and data to the last byte.
std::string rich_file() {
  TestGguf file;
  file.entry("general.architecture", kString, Bytes().string("llama"));
  file.entry("general.alignment", kU32, Bytes().u32(32));
  file.entry("flag", 7, Bytes().put(std::uint8_t{1}));
  file.entry("tokens", kArray, Bytes().u32(8).u64(3).string("a").string("bc").string(""));
  file.entry("nested", kArray, Bytes().u32(9).u64(2).u32(5).u64(1).u32(7).u32(0).u64(2).raw("xy"));
  file.entry("scores", kArray, Bytes().u32(6).u64(2).put(1.0F).put(-2.0F));
  file.tensor({"a.weight", {4, 2}, kF32, 0});
  file.tensor({"b.weight", {32, 2}, kQ4Zero, 32});
  file.data = std::string(32, 'A') + std::string(36, 'B');
  return file.text();
}

TEST_F(GgufReaderTest, NeverSucceedsOnATruncatedFile) {
  const std::string whole = rich_file();
  ASSERT_EQ(code(whole), "opened");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    ASSERT_NE(code(whole.substr(0, length)), "opened") << length;
  }
}

// Any answer is right that is one: an error, or a file whose every tensor can be read.
TEST_F(GgufReaderTest, SurvivesEveryFlippedBit) {
  const std::string text = rich_file();
  save(path_, text);
  int opened = 0;
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    flip_bit(path_, bit);
    const auto file = GgufFile::open(path_);
    if (file) {
      ++opened;
      unsigned sum = 0;
      for (std::size_t t = 0; t < (*file)->tensors().size(); ++t) {
        const auto tensor = (*file)->read(t);
        ASSERT_TRUE(tensor);
        for (const std::byte b : tensor->blocks()) sum += std::to_integer<unsigned>(b);
      }
      ASSERT_TRUE(sum > 0 || (*file)->tensors().empty());
    }
    flip_bit(path_, bit);
  }
  EXPECT_GT(opened, 500);  // flips in values, names and data are no errors
}

TEST_F(GgufReaderTest, ReportsMissingFilesAndFolders) {
  EXPECT_EQ(GgufFile::open(path_).error().code.name, "INPUT_MISSING");
  EXPECT_EQ(GgufFile::open(path_.parent_path()).error().code.name, "INPUT_NOT_REGULAR");
}

}  // namespace
}  // namespace mote::formats
