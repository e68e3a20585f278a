#include "formats/metadata.h"

#include <utility>

#include "base/strings.h"

namespace mote::formats {
namespace {

constexpr ErrorCode kMetaMissing{"META_MISSING", ErrorKind::corrupt_data};
constexpr ErrorCode kMetaType{"META_TYPE", ErrorKind::corrupt_data};
constexpr ErrorCode kMetaRange{"META_RANGE", ErrorKind::corrupt_data};

bool is_integer(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::u16:
    case ValueType::i16:
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::u64:
    case ValueType::i64:
      return true;
    default:
      return false;
  }
}

bool is_float(ValueType type) { return type == ValueType::f32 || type == ValueType::f64; }

std::string in_quotes(std::string_view key) { return "\"" + escape_untrusted(key, 80) + "\""; }

Error missing(std::string_view key) {
  return {kMetaMissing, "the metadata has no " + in_quotes(key), "", "", std::nullopt};
}

Error wrong_type(std::string_view key, std::string_view expected, const MetaValue& found) {
  std::string type(to_string(found.type));
  if (found.type == ValueType::array) type += " of " + std::string(to_string(found.element));
  return {kMetaType,
          "the metadata's " + in_quotes(key) + " should be " + std::string(expected) + " and is " + type, "",
          "", std::nullopt};
}

// `get` applied to a present key, the fallback to an absent one.
template <typename T, typename Get>
Result<T> value_or(const Metadata& metadata, std::string_view key, T fallback, Get get) {
  if (!metadata.contains(key)) return fallback;
  return get(key);
}

}  // namespace

std::string_view to_string(ValueType type) {
  switch (type) {
    case ValueType::u8:
      return "u8";
    case ValueType::i8:
      return "i8";
    case ValueType::u16:
      return "u16";
    case ValueType::i16:
      return "i16";
    case ValueType::u32:
      return "u32";
    case ValueType::i32:
      return "i32";
    case ValueType::f32:
      return "f32";
    case ValueType::boolean:
      return "bool";
    case ValueType::string:
      return "string";
    case ValueType::array:
      return "array";
    case ValueType::u64:
      return "u64";
    case ValueType::i64:
      return "i64";
    case ValueType::f64:
      return "f64";
  }
  return "unknown";
}

const MetaValue* Metadata::find(std::string_view key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries_[found->second].value;
}

Result<std::uint64_t> Metadata::get_uint(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return missing(key);
  if (!is_integer(value->type)) return wrong_type(key, "a whole number", *value);
  if (const auto* v = std::get_if<std::uint64_t>(&value->value)) return *v;
  const auto* v = std::get_if<std::int64_t>(&value->value);
  if (v == nullptr) return wrong_type(key, "a whole number", *value);
  if (*v < 0) {
    return Error{
        kMetaRange,
        "the metadata's " + in_quotes(key) + " is " + std::to_string(*v) + " and may not be negative", "", "",
        std::nullopt};
  }
  return static_cast<std::uint64_t>(*v);
}

Result<double> Metadata::get_float(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return missing(key);
  const auto* v = std::get_if<double>(&value->value);
  if (v == nullptr || !is_float(value->type)) return wrong_type(key, "a floating-point number", *value);
  return *v;
}

Result<bool> Metadata::get_bool(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return missing(key);
  const auto* v = std::get_if<bool>(&value->value);
  if (v == nullptr) return wrong_type(key, "a bool", *value);
  return *v;
}

Result<std::string> Metadata::get_string(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return missing(key);
  const auto* v = std::get_if<std::string>(&value->value);
  if (v == nullptr) return wrong_type(key, "a string", *value);
  return *v;
}

Result<std::span<const std::string>> Metadata::get_strings(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return missing(key);
  const auto* v = std::get_if<std::vector<std::string>>(&value->value);
  if (v == nullptr) return wrong_type(key, "an array of strings", *value);
  return std::span<const std::string>(*v);
}

Result<std::span<const std::int64_t>> Metadata::get_ints(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return missing(key);
  if (value->type != ValueType::array || !is_integer(value->element)) {
    return wrong_type(key, "an array of whole numbers", *value);
  }
  const auto* v = std::get_if<std::vector<std::int64_t>>(&value->value);
  if (v == nullptr) {  // u64 values past the range of int64 are kept one by one
    return Error{kMetaRange, "the metadata's " + in_quotes(key) + " has values of 2^63 and more", "", "",
                 std::nullopt};
  }
  return std::span<const std::int64_t>(*v);
}

Result<std::span<const double>> Metadata::get_floats(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return missing(key);
  const auto* v = std::get_if<std::vector<double>>(&value->value);
  if (v == nullptr || !is_float(value->element))
    return wrong_type(key, "an array of floating-point numbers", *value);
  return std::span<const double>(*v);
}

Result<std::uint64_t> Metadata::get_uint_or(std::string_view key, std::uint64_t fallback) const {
  return value_or<std::uint64_t>(*this, key, fallback, [this](std::string_view k) { return get_uint(k); });
}

Result<double> Metadata::get_float_or(std::string_view key, double fallback) const {
  return value_or<double>(*this, key, fallback, [this](std::string_view k) { return get_float(k); });
}

Result<bool> Metadata::get_bool_or(std::string_view key, bool fallback) const {
  return value_or<bool>(*this, key, fallback, [this](std::string_view k) { return get_bool(k); });
}

Result<std::string> Metadata::get_string_or(std::string_view key, std::string fallback) const {
  return value_or<std::string>(*this, key, std::move(fallback),
                               [this](std::string_view k) { return get_string(k); });
}

void Metadata::set(std::string key, MetaValue value) {
  const auto [place, inserted] = index_.try_emplace(key, entries_.size());
  if (inserted) {
    entries_.push_back({std::move(key), std::move(value)});
  } else {
    entries_[place->second].value = std::move(value);
  }
}

void Metadata::set_u32(std::string key, std::uint32_t v) {
  set(std::move(key), {ValueType::u32, static_cast<std::uint64_t>(v), {}});
}

void Metadata::set_i32(std::string key, std::int32_t v) {
  set(std::move(key), {ValueType::i32, static_cast<std::int64_t>(v), {}});
}

void Metadata::set_u64(std::string key, std::uint64_t v) { set(std::move(key), {ValueType::u64, v, {}}); }

void Metadata::set_f32(std::string key, float v) {
  set(std::move(key), {ValueType::f32, static_cast<double>(v), {}});
}

void Metadata::set_bool(std::string key, bool v) { set(std::move(key), {ValueType::boolean, v, {}}); }

void Metadata::set_string(std::string key, std::string v) {
  set(std::move(key), {ValueType::string, std::move(v), {}});
}

void Metadata::set_strings(std::string key, std::vector<std::string> v) {
  set(std::move(key), {ValueType::array, std::move(v), ValueType::string});
}

void Metadata::set_ints(std::string key, ValueType element, std::vector<std::int64_t> v) {
  set(std::move(key), {ValueType::array, std::move(v), element});
}

void Metadata::set_floats(std::string key, ValueType element, std::vector<double> v) {
  set(std::move(key), {ValueType::array, std::move(v), element});
}

void Metadata::erase(std::string_view key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return;
  const std::size_t gone = found->second;
  index_.erase(found);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(gone));
  for (auto& [name, place] : index_) {
    if (place > gone) --place;
  }
}

}  // namespace mote::formats
