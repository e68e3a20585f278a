#include "formats/gguf_values.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/strings.h"
#include "formats/gguf_rules.h"

namespace mote::formats {
namespace {

// Memory of one array element once decoded; long strings are charged as they are read.
std::uint64_t decoded_element_bytes(ValueType type) {
  if (type == ValueType::string) return sizeof(std::string);
  if (type == ValueType::array) return sizeof(MetaValue);
  return sizeof(std::int64_t);
}

// Widened as MetaValue keeps them: unsigned to u64, signed to i64, floats to double.
template <typename T>
auto widen(T v) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(v);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<std::int64_t>(v);
  } else {
    return static_cast<std::uint64_t>(v);
  }
}

template <typename T, typename Wide>
std::vector<Wide> widen_all(std::string_view raw, std::uint64_t count) {
  std::vector<Wide> out;
  out.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    T v;
    std::memcpy(&v, raw.data() + i * sizeof(T), sizeof(T));
    out.push_back(static_cast<Wide>(v));
  }
  return out;
}

}  // namespace

GgufCursor::GgufCursor(std::span<const std::byte> file, const Limits& limits)
    : file_(file), limits_(limits), end_(std::min<std::uint64_t>(file.size(), limits.metadata_bytes)) {}

Result<std::string_view> GgufCursor::bytes(std::uint64_t count, std::string_view what) {
  if (count > remaining()) {
    if (count <= file_.size() - position_) {
      return Error{kGgufLimit, "the header is longer than " + human_bytes(limits_.metadata_bytes), "", "",
                   position_};
    }
    return Error{kGgufTruncated,
                 "the file ends inside " + std::string(what) + ": needs " + with_thousands(count) +
                     " bytes, has " + with_thousands(remaining()),
                 "the file is incomplete, download or copy it again", "", position_};
  }
  const auto* start = reinterpret_cast<const char*>(file_.data() + position_);
  position_ += count;
  return std::string_view(start, count);
}

Result<std::string_view> GgufCursor::string(std::uint64_t max_bytes, const ErrorCode& code,
                                            std::string_view what) {
  const std::uint64_t start = position_;
  MOTE_ASSIGN(const auto length, number<std::uint64_t>(what));
  if (length > max_bytes) {
    return Error{code,
                 std::string(what) + " has " + with_thousands(length) + " bytes, the limit is " +
                     with_thousands(max_bytes),
                 "", "", start};
  }
  return bytes(length, what);
}

Result<void> GgufCursor::charge(std::uint64_t decoded_bytes, std::uint64_t ahead) {
  const auto sum = (Checked(decoded_bytes_) + decoded_bytes).value();
  // Both are positions in the header, far from where times four would wrap.
  const std::uint64_t allowed = std::max(limits_.decoded_bytes, 4 * (position_ + ahead));
  if (!sum || *sum > allowed) {
    return Error{kGgufLimit, "the metadata would take more than " + human_bytes(allowed) + " of memory", "",
                 "", position_};
  }
  decoded_bytes_ = *sum;
  return {};
}

Result<ValueType> GgufCursor::type(std::string_view what) {
  const std::uint64_t start = position_;
  MOTE_ASSIGN(const auto id, number<std::uint32_t>(what));
  if (!is_value_type(id)) {
    return Error{kGgufType, std::string(what) + " is " + std::to_string(id) + ", known are 0 to 12",
                 "the file is damaged, or newer than this program", "", start};
  }
  return static_cast<ValueType>(id);
}

Result<MetaValue> GgufCursor::value() {
  MOTE_ASSIGN(const ValueType kind, type("a value's type"));
  if (kind == ValueType::array) return array(1);
  return scalar(kind);
}

Result<MetaValue> GgufCursor::scalar(ValueType kind) {
  MetaValue out;
  out.type = kind;
  const auto read = [&]<typename T>(T /*tag*/) -> Result<MetaValue> {
    MOTE_ASSIGN(const T v, number<T>("a value"));
    out.value = widen(v);
    return std::move(out);
  };
  switch (kind) {
    case ValueType::u8:
      return read(std::uint8_t{});
    case ValueType::i8:
      return read(std::int8_t{});
    case ValueType::u16:
      return read(std::uint16_t{});
    case ValueType::i16:
      return read(std::int16_t{});
    case ValueType::u32:
      return read(std::uint32_t{});
    case ValueType::i32:
      return read(std::int32_t{});
    case ValueType::u64:
      return read(std::uint64_t{});
    case ValueType::i64:
      return read(std::int64_t{});
    case ValueType::f32:
      return read(float{});
    case ValueType::f64:
      return read(double{});
    case ValueType::boolean: {
      const std::uint64_t start = position_;
      MOTE_ASSIGN(const auto v, number<std::uint8_t>("a bool"));
      if (v > 1) {
        return Error{kGgufType, "a bool is " + std::to_string(v) + ", only 0 and 1 are",
                     "the file is damaged", "", start};
      }
      out.value = v == 1;
      return out;
    }
    case ValueType::string: {
      MOTE_ASSIGN(const std::string_view text, string(limits_.string_bytes, kGgufString, "a string value"));
      out.value = std::string(text);
      return out;
    }
    case ValueType::array:
      break;
  }
  return Error{kGgufType, "an array where a single value is expected", "", "", position_};
}

Result<MetaValue> GgufCursor::array(std::uint32_t depth) {
  if (depth > limits_.array_depth) {
    return Error{kGgufDepth,
                 "arrays are nested deeper than " + std::to_string(limits_.array_depth) + " levels",
                 "the file is damaged or hostile", "", position_};
  }
  MetaValue out;
  out.type = ValueType::array;
  MOTE_ASSIGN(out.element, type("an array's element type"));
  const std::uint64_t start = position_;
  MOTE_ASSIGN(const auto count, number<std::uint64_t>("an array's count"));
  if (count > remaining() / smallest_bytes(out.element)) {
    return Error{kGgufArray,
                 "an array of " + with_thousands(count) + " " + std::string(to_string(out.element)) +
                     " values cannot fit into the " + with_thousands(remaining()) + " bytes that remain",
                 "the file is incomplete or damaged", "", start};
  }
  if (count > limits_.array_elements) {
    return Error{kGgufLimit,
                 "an array has " + with_thousands(count) + " elements, the limit is " +
                     with_thousands(limits_.array_elements),
                 "", "", start};
  }
  // count is at most array_elements: no overflow.
  MOTE_TRY(charge(count * decoded_element_bytes(out.element), count * smallest_bytes(out.element)));
  MOTE_TRY(elements(out, count, depth));
  return out;
}

Result<void> GgufCursor::elements(MetaValue& array_value, std::uint64_t count, std::uint32_t depth) {
  const ValueType element = array_value.element;
  if (element == ValueType::string) {
    std::vector<std::string> texts;
    texts.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      MOTE_ASSIGN(const std::string_view text,
                  string(limits_.string_bytes, kGgufString, "a string of an array"));
      // Short strings lie inside the std::string itself; of those still to come, each has at least its
      // length.
      const bool short_text = text.size() < sizeof(std::string) / 2;
      MOTE_TRY(charge(short_text ? 0 : text.size() + 1, (count - i - 1) * smallest_bytes(ValueType::string)));
      texts.emplace_back(text);
    }
    array_value.value = std::move(texts);
    return {};
  }
  if (element == ValueType::array) {
    std::vector<MetaValue> values;
    values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      MOTE_ASSIGN(MetaValue inner, array(depth + 1));
      values.push_back(std::move(inner));
    }
    array_value.value = std::move(values);
    return {};
  }
  const std::uint64_t start = position_;
  MOTE_ASSIGN(const std::string_view raw, bytes(count * smallest_bytes(element), "an array"));
  switch (element) {
    case ValueType::u8:
      array_value.value = widen_all<std::uint8_t, std::int64_t>(raw, count);
      return {};
    case ValueType::i8:
      array_value.value = widen_all<std::int8_t, std::int64_t>(raw, count);
      return {};
    case ValueType::u16:
      array_value.value = widen_all<std::uint16_t, std::int64_t>(raw, count);
      return {};
    case ValueType::i16:
      array_value.value = widen_all<std::int16_t, std::int64_t>(raw, count);
      return {};
    case ValueType::u32:
      array_value.value = widen_all<std::uint32_t, std::int64_t>(raw, count);
      return {};
    case ValueType::i32:
      array_value.value = widen_all<std::int32_t, std::int64_t>(raw, count);
      return {};
    case ValueType::i64:
      array_value.value = widen_all<std::int64_t, std::int64_t>(raw, count);
      return {};
    case ValueType::f32:
      array_value.value = widen_all<float, double>(raw, count);
      return {};
    case ValueType::f64:
      array_value.value = widen_all<double, double>(raw, count);
      return {};
    case ValueType::boolean: {
      const auto bad = std::find_if(raw.begin(), raw.end(), [](char c) { return c != 0 && c != 1; });
      if (bad != raw.end()) {
        return Error{kGgufType,
                     "a bool of an array is " + std::to_string(static_cast<unsigned char>(*bad)) +
                         ", only 0 and 1 are",
                     "the file is damaged", "", start + static_cast<std::uint64_t>(bad - raw.begin())};
      }
      array_value.value = widen_all<std::uint8_t, std::int64_t>(raw, count);
      return {};
    }
    case ValueType::u64: {
      std::vector<std::int64_t> values = widen_all<std::uint64_t, std::int64_t>(raw, count);
      // Values of 2^63 and more have turned negative: such an array is kept one by one.
      if (std::none_of(values.begin(), values.end(), [](std::int64_t v) { return v < 0; })) {
        array_value.value = std::move(values);
        return {};
      }
      MOTE_TRY(charge(count * sizeof(MetaValue)));
      std::vector<MetaValue> single;
      single.reserve(count);
      for (const std::int64_t v : values) {
        single.push_back({ValueType::u64, static_cast<std::uint64_t>(v), {}});
      }
      array_value.value = std::move(single);
      return {};
    }
    case ValueType::string:
    case ValueType::array:
      break;  // handled above
  }
  return {};
}

}  // namespace mote::formats
