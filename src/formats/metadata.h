// Typed key-value pairs in file order: the metadata of a GGUF file, and of every other checkpoint once it has
// been translated to GGUF's keys. Getters check the type and the range and name the key in their error.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mote/result.h"

namespace mote::formats {

// GGUF's value types with their ids in the file.
enum class ValueType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

std::string_view to_string(ValueType type);  // "u32", "bool", "string"

struct MetaValue {
  ValueType type = ValueType::u32;
  // Integers are widened (signed ones to int64), floats to double, which keeps every value exactly; `type`
  // says how they lie in the file.
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string,
               std::vector<MetaValue>,  // generic and nested arrays
               std::vector<std::string>, std::vector<std::int64_t>,
               std::vector<double>>  // the large ones, compact
      value;
  ValueType element = ValueType::u32;  // of an array

  friend bool operator==(const MetaValue&, const MetaValue&) = default;  // a NaN equals nothing
};

class Metadata {
 public:
  struct Entry {
    std::string key;
    MetaValue value;
  };

  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }
  [[nodiscard]] const MetaValue* find(std::string_view key) const;
  [[nodiscard]] bool contains(std::string_view key) const { return find(key) != nullptr; }

  // Typed getters: META_MISSING where absent, META_TYPE where of another type, META_RANGE where it does not
  // fit.
  [[nodiscard]] Result<std::uint64_t> get_uint(std::string_view key) const;  // any integer type, not negative
  [[nodiscard]] Result<double> get_float(std::string_view key) const;        // any float type
  [[nodiscard]] Result<bool> get_bool(std::string_view key) const;
  [[nodiscard]] Result<std::string> get_string(std::string_view key) const;
  [[nodiscard]] Result<std::span<const std::string>> get_strings(std::string_view key) const;
  [[nodiscard]] Result<std::span<const std::int64_t>> get_ints(
      std::string_view key) const;  // array of any integer type
  [[nodiscard]] Result<std::span<const double>> get_floats(
      std::string_view key) const;  // array of f32 or f64
  // The same with a fallback for an absent key; a present one of the wrong type is still an error.
  [[nodiscard]] Result<std::uint64_t> get_uint_or(std::string_view key, std::uint64_t fallback) const;
  [[nodiscard]] Result<double> get_float_or(std::string_view key, double fallback) const;
  [[nodiscard]] Result<bool> get_bool_or(std::string_view key, bool fallback) const;
  [[nodiscard]] Result<std::string> get_string_or(std::string_view key, std::string fallback) const;

  // Replaces an entry of the same key in place, otherwise appends.
  void set(std::string key, MetaValue value);
  void set_u32(std::string key, std::uint32_t v);
  void set_i32(std::string key, std::int32_t v);
  void set_u64(std::string key, std::uint64_t v);
  void set_f32(std::string key, float v);
  void set_bool(std::string key, bool v);
  void set_string(std::string key, std::string v);
  void set_strings(std::string key, std::vector<std::string> v);
  void set_ints(std::string key, ValueType element, std::vector<std::int64_t> v);
  void set_floats(std::string key, ValueType element, std::vector<double> v);
  void erase(std::string_view key);

 private:
  std::vector<Entry> entries_;
  // A tree: a file may choose keys of one hash, and has a handful of honest ones.
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace mote::formats
