// A JSON value that keeps the order of its keys (templates and schemas show it), with limits on depth and
// size.
//
// Parsing is nlohmann-json's, through its SAX interface, in json.cc only: this header stays cheap to include.
// Its own document type is not used because its ordered object searches keys linearly on insertion, which is
// quadratic for a vocabulary of 150,000 entries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "mote/result.h"

namespace mote {

class Json;
using JsonArray = std::vector<Json>;
using JsonMember = std::pair<std::string, Json>;
using JsonObject = std::vector<JsonMember>;  // in document order; keys are unique

class Json {
 public:
  Json() = default;
  Json(std::nullptr_t) {}                           // NOLINT(google-explicit-constructor)
  Json(bool v) : v_(v) {}                           // NOLINT(google-explicit-constructor)
  Json(double v) : v_(v) {}                         // NOLINT(google-explicit-constructor)
  Json(std::string v) : v_(std::move(v)) {}         // NOLINT(google-explicit-constructor)
  Json(std::string_view v) : v_(std::string(v)) {}  // NOLINT(google-explicit-constructor)
  Json(const char* v) : v_(std::string(v)) {}       // NOLINT(google-explicit-constructor)
  Json(JsonArray v) : v_(std::move(v)) {}           // NOLINT(google-explicit-constructor)
  Json(JsonObject v) : v_(std::move(v)) {}          // NOLINT(google-explicit-constructor)
  template <std::integral T>
    requires(!std::is_same_v<T, bool>)
  Json(T v) {  // NOLINT(google-explicit-constructor)
    if constexpr (std::is_unsigned_v<T>) {
      if (static_cast<std::uint64_t>(v) > static_cast<std::uint64_t>(INT64_MAX)) {
        v_ = static_cast<std::uint64_t>(v);
        return;
      }
    }
    v_ = static_cast<std::int64_t>(v);
  }

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::nullptr_t>(v_); }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(v_); }
  // True for whole numbers that were written without fraction or exponent.
  [[nodiscard]] bool is_integer() const {
    return std::holds_alternative<std::int64_t>(v_) || std::holds_alternative<std::uint64_t>(v_);
  }
  [[nodiscard]] bool is_number() const { return is_integer() || std::holds_alternative<double>(v_); }
  [[nodiscard]] bool is_string() const { return std::holds_alternative<std::string>(v_); }
  [[nodiscard]] bool is_array() const { return std::holds_alternative<JsonArray>(v_); }
  [[nodiscard]] bool is_object() const { return std::holds_alternative<JsonObject>(v_); }

  // Pointers to the content, null where the value is of another type.
  [[nodiscard]] const bool* if_bool() const { return std::get_if<bool>(&v_); }
  [[nodiscard]] const std::string* if_string() const { return std::get_if<std::string>(&v_); }
  [[nodiscard]] const JsonArray* if_array() const { return std::get_if<JsonArray>(&v_); }
  [[nodiscard]] const JsonObject* if_object() const { return std::get_if<JsonObject>(&v_); }
  [[nodiscard]] JsonArray* if_array() { return std::get_if<JsonArray>(&v_); }
  [[nodiscard]] JsonObject* if_object() { return std::get_if<JsonObject>(&v_); }

  // Nothing where the value is no number or does not fit.
  [[nodiscard]] std::optional<std::int64_t> as_int64() const;
  [[nodiscard]] std::optional<std::uint64_t> as_uint64() const;
  [[nodiscard]] std::optional<double> as_double() const;

  // The member of an object; null where there is none or this is no object. Linear in the number of members.
  [[nodiscard]] const Json* find(std::string_view key) const;

  // For building results: an object's member, appended where absent (the value becomes an object if it is
  // null).
  Json& operator[](std::string_view key);
  void push_back(Json value);

  // Compact text, or indented by `indent` spaces where positive. Doubles in their shortest exact form with a
  // fraction or exponent ("1.0"); NaN and infinities become null, as JSON has none; invalid UTF-8 becomes
  // U+FFFD.
  [[nodiscard]] std::string dump(int indent = 0) const;

 private:
  friend class JsonBuilder;
  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, JsonArray, JsonObject>
      v_;
};

struct JsonLimits {
  std::uint64_t max_bytes = std::uint64_t{256} << 20;
  std::uint32_t max_depth = 128;
  // "[0,0,0" has a value in two bytes and takes some 100 in memory while an array grows, so bytes alone bound
  // nothing.
  std::uint64_t max_values = std::uint64_t{8} << 20;
};

// Strict RFC 8259: no comments, no trailing text, no duplicate keys, numbers in the range of a double.
// Errors: JSON_SYNTAX, JSON_DEPTH, JSON_DUPLICATE_KEY, JSON_SIZE, JSON_VALUES, each with the byte position.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace mote
