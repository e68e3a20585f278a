#include "formats/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mote::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
std::string code(const Result<T>& result) {
  return result ? "ok" : std::string(result.error().code.name);
}

TEST(Metadata, GettersNameTheKeyThatIsMissing) {
  const Metadata m;
  EXPECT_EQ(code(m.get_uint("llama.block_count")), "META_MISSING");
  EXPECT_THAT(m.get_string("llama.block_count").error().message, HasSubstr("\"llama.block_count\""));
  EXPECT_EQ(code(m.get_strings("x")), "META_MISSING");
  EXPECT_FALSE(m.contains("x"));
}

TEST(Metadata, GettersRefuseOtherTypesAndSayWhatIsThere) {
  Metadata m;
  m.set_string("text", "5");
  m.set_f32("float", 5.0F);
  m.set_u32("whole", 1);
  m.set_bool("flag", true);
  m.set_ints("bytes", ValueType::u8, {1, 2});
  EXPECT_EQ(code(m.get_uint("text")), "META_TYPE");
  EXPECT_EQ(code(m.get_uint("float")), "META_TYPE");
  EXPECT_EQ(code(m.get_uint("flag")), "META_TYPE");
  EXPECT_EQ(code(m.get_float("whole")), "META_TYPE");
  EXPECT_EQ(code(m.get_bool("whole")), "META_TYPE");
  EXPECT_EQ(code(m.get_string("whole")), "META_TYPE");
  EXPECT_EQ(code(m.get_uint("bytes")), "META_TYPE");
  EXPECT_EQ(code(m.get_strings("bytes")), "META_TYPE");
  EXPECT_EQ(code(m.get_ints("text")), "META_TYPE");
  // A peer read u8 scores as floats (llama.cpp #26690).
  EXPECT_EQ(code(m.get_floats("bytes")), "META_TYPE");
  EXPECT_THAT(m.get_floats("bytes").error().message, HasSubstr("array of u8"));
}

TEST(Metadata, UnsignedGetterTakesEveryIntegerTypeThatIsNotNegative) {
  Metadata m;
  m.set("i8", {ValueType::i8, std::int64_t{7}, {}});
  m.set("u16", {ValueType::u16, std::uint64_t{7}, {}});
  m.set_i32("negative", -1);
  EXPECT_EQ(m.get_uint("i8").value_or(0), 7U);
  EXPECT_EQ(m.get_uint("u16").value_or(0), 7U);
  EXPECT_EQ(code(m.get_uint("negative")), "META_RANGE");
}

TEST(Metadata, FallbackIsForAbsentKeysOnly) {
  Metadata m;
  m.set_string("text", "x");
  m.set_bool("flag", true);
  EXPECT_EQ(m.get_uint_or("absent", 3).value_or(0), 3U);
  EXPECT_EQ(m.get_float_or("absent", 0.5).value_or(0), 0.5);
  EXPECT_FALSE(m.get_bool_or("absent", false).value_or(true));
  EXPECT_TRUE(m.get_bool_or("flag", false).value_or(false));
  EXPECT_EQ(m.get_string_or("absent", "d").value_or(""), "d");
  EXPECT_EQ(m.get_string_or("text", "d").value_or(""), "x");
  EXPECT_EQ(code(m.get_uint_or("text", 3)), "META_TYPE");
}

TEST(Metadata, KeepsFileOrderWhenReplacingAndErasing) {
  Metadata m;
  m.set_u32("a", 1);
  m.set_u32("b", 2);
  m.set_u32("c", 3);
  m.set_strings("b", {"x", "y"});
  m.erase("a");
  m.erase("absent");
  ASSERT_EQ(m.entries().size(), 2U);
  EXPECT_EQ(m.entries()[0].key, "b");
  EXPECT_EQ(m.entries()[1].key, "c");
  EXPECT_THAT(*m.get_strings("b"), ElementsAre("x", "y"));
  EXPECT_EQ(m.get_uint("c").value_or(0), 3U);
  EXPECT_FALSE(m.contains("a"));
  m.set_u64("a", 9);
  EXPECT_EQ(m.entries()[2].key, "a");
}

TEST(Metadata, TypedSettersStoreTheTypeTheyName) {
  Metadata m;
  m.set_u64("u64", UINT64_MAX);
  m.set_f32("f32", 0.1F);
  m.set_floats("scores", ValueType::f32, {1.0, -1.0});
  EXPECT_EQ(m.find("u64")->type, ValueType::u64);
  EXPECT_EQ(m.get_uint("u64").value_or(0), UINT64_MAX);
  EXPECT_EQ(m.get_float("f32").value_or(0), static_cast<double>(0.1F));
  EXPECT_EQ(m.find("scores")->element, ValueType::f32);
  EXPECT_THAT(*m.get_floats("scores"), ElementsAre(1.0, -1.0));
  EXPECT_EQ(to_string(ValueType::boolean), "bool");
}

}  // namespace
}  // namespace mote::formats
