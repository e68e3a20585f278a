#include "formats/gguf_rules.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace mote::formats {

std::optional<std::string_view> key_fault(std::string_view key) {
  if (key.empty()) return "is empty";
  if (key.size() > kMaxKeyBytes) return "has more than 65,535 bytes";
  if (key.find('\0') != std::string_view::npos) return "contains a NUL byte";
  if (!is_valid_utf8(key)) return "is not valid UTF-8";
  return std::nullopt;
}

std::optional<std::string_view> tensor_name_fault(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxTensorNameBytes) return "has more than 63 bytes";
  const bool control = std::any_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
  if (control) return "contains control characters";
  if (!is_valid_utf8(name)) return "is not valid UTF-8";
  if (name.front() == '/' || name.find("../") != std::string_view::npos ||
      name.find("..\\") != std::string_view::npos) {
    return "looks like a path";
  }
  return std::nullopt;
}

std::uint64_t smallest_bytes(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
    case ValueType::string:
      return 8;
    case ValueType::array:
      return 12;
  }
  return 1;
}

std::string_view ggml_type_name(std::uint32_t id) {
  // ggml.h, enum ggml_type. Empty entries are ids that were retired.
  static constexpr std::array<std::string_view, 43> kNames = {
      "F32",   "F16",    "Q4_0",  "Q4_1", "",     "",        "Q5_0",   "Q5_1",    "Q8_0",  "Q8_1",   "Q2_K",
      "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S",
      "IQ2_S", "IQ4_XS", "I8",    "I16",  "I32",  "I64",     "F64",    "IQ1_M",   "BF16",  "",       "",
      "",      "TQ1_0",  "TQ2_0", "",     "",     "",        "MXFP4",  "NVFP4",   "Q1_0",  "Q2_0"};
  return id < kNames.size() ? kNames[id] : std::string_view();
}

}  // namespace mote::formats
