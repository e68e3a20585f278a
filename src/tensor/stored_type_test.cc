#include "tensor/stored_type.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>

#include "tensor/float16.h"

namespace mote {
namespace {

// The OCP specification's own table of E4M3 values (OFP8 1.0, table 1), not a formula.
TEST(StoredType, E4m3HasTheValuesOfTheSpecification) {
  EXPECT_EQ(e4m3_to_float(0x00), 0.0F);
  EXPECT_TRUE(std::signbit(e4m3_to_float(0x80)));
  EXPECT_EQ(e4m3_to_float(0x80), 0.0F);
  EXPECT_EQ(e4m3_to_float(0x7E), 448.0F);  // S.1111.110
  EXPECT_EQ(e4m3_to_float(0xFE), -448.0F);
  EXPECT_EQ(e4m3_to_float(0x08), 0x1p-6F);  // S.0001.000, the least normal
  EXPECT_EQ(e4m3_to_float(0x07), 0.875F * 0x1p-6F);
  EXPECT_EQ(e4m3_to_float(0x01), 0x1p-9F);  // S.0000.001
  EXPECT_EQ(e4m3_to_float(0x38), 1.0F);
  EXPECT_TRUE(std::isnan(e4m3_to_float(0x7F)));
  EXPECT_TRUE(std::isnan(e4m3_to_float(0xFF)));
}

TEST(StoredType, EveryE4m3ValueIsAnF16) {
  std::set<float> values;
  for (unsigned b = 0; b < 256; ++b) {
    const float value = e4m3_to_float(static_cast<std::uint8_t>(b));
    if (std::isnan(value)) continue;
    EXPECT_EQ(half_to_float(float_to_half(value)), value) << b;
    values.insert(value);
  }
  EXPECT_EQ(values.size(), 253U);  // 256 less two NaN and a second zero
}

TEST(StoredType, FloatsAreWeightsAndIntegersAreNot) {
  using enum StoredType;
  EXPECT_EQ(weight_codec(f64), CodecId::f32);
  EXPECT_EQ(weight_codec(f8_e4m3), CodecId::f16);
  EXPECT_EQ(weight_codec(f8_e5m2), CodecId::f16);
  for (const StoredType type : {boolean, i8, u8, i16, u16, i32, u32, i64, u64})
    EXPECT_FALSE(weight_codec(type));
  EXPECT_EQ(to_string(u64), "U64");
  EXPECT_EQ(element_bytes(u64), 8U);
  EXPECT_EQ(to_string(boolean), "BOOL");
  EXPECT_EQ(element_bytes(i16), 2U);
}

}  // namespace
}  // namespace mote
