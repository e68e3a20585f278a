#include "tensor/stored_type.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace mote {
namespace {

struct Row {
  std::string_view name;
  std::uint32_t bytes;
  std::optional<CodecId> weight;
};

// In the order of the enumeration.
constexpr std::array<Row, 13> kRows = {{{"", 0, std::nullopt},
                                        {"F64", 8, CodecId::f32},
                                        {"F8_E4M3", 1, CodecId::f16},
                                        {"F8_E5M2", 1, CodecId::f16},
                                        {"BOOL", 1, std::nullopt},
                                        {"I8", 1, std::nullopt},
                                        {"U8", 1, std::nullopt},
                                        {"I16", 2, std::nullopt},
                                        {"U16", 2, std::nullopt},
                                        {"I32", 4, std::nullopt},
                                        {"U32", 4, std::nullopt},
                                        {"I64", 8, std::nullopt},
                                        {"U64", 8, std::nullopt}}};

const Row& row(StoredType type) { return kRows[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view to_string(StoredType type) { return row(type).name; }
std::uint32_t element_bytes(StoredType type) { return row(type).bytes; }
std::optional<CodecId> weight_codec(StoredType type) { return row(type).weight; }

float e4m3_to_float(std::uint8_t bits) {
  const int exponent = bits >> 3 & 15;
  const int mantissa = bits & 7;
  const float sign = (bits & 0x80) != 0 ? -1.0F : 1.0F;
  if (exponent == 15 && mantissa == 7) return std::copysign(std::numeric_limits<float>::quiet_NaN(), sign);
  // Subnormals count units of 2^-6 / 8.
  return sign * std::ldexp(static_cast<float>(exponent == 0 ? mantissa : 8 + mantissa),
                           std::max(exponent, 1) - 7 - 3);
}

}  // namespace mote
