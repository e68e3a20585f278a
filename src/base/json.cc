#include "base/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace mote {
namespace {

constexpr ErrorCode kJsonSyntax{"JSON_SYNTAX", ErrorKind::corrupt_data};
constexpr ErrorCode kJsonDepth{"JSON_DEPTH", ErrorKind::corrupt_data};
constexpr ErrorCode kJsonDuplicateKey{"JSON_DUPLICATE_KEY", ErrorKind::corrupt_data};
constexpr ErrorCode kJsonSize{"JSON_SIZE", ErrorKind::corrupt_data};
constexpr ErrorCode kJsonValues{"JSON_VALUES", ErrorKind::corrupt_data};

// A key that stands twice in the object, null where there is none. Sorted by hash and then by text, because a
// hash table can be made slow by keys of one hash, and sorting cannot.
const std::string* repeated_key(const JsonObject& object) {
  constexpr std::size_t kFew = 8;  // so few are compared with each other
  if (object.size() <= kFew) {
    for (std::size_t i = 1; i < object.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (object[i].first == object[k].first) return &object[i].first;
      }
    }
    return nullptr;
  }
  std::vector<std::pair<std::size_t, const std::string*>> keys;
  keys.reserve(object.size());
  for (const JsonMember& member : object)
    keys.emplace_back(std::hash<std::string_view>{}(member.first), &member.first);
  std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : *a.second < *b.second;
  });
  const auto twice = std::adjacent_find(keys.begin(), keys.end(), [](const auto& a, const auto& b) {
    return a.first == b.first && *a.second == *b.second;
  });
  return twice == keys.end() ? nullptr : twice->second;
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      out += text[i++];
      continue;
    }
    if (c >= 0x80) {
      append_utf8(out, next_code_point(text, i));
      continue;
    }
    ++i;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        out += "\\u00";
        out += kHex[c >> 4U];
        out += kHex[c & 15U];
    }
  }
  out += '"';
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> buffer{};
  const auto [end, status] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  const std::string_view text(buffer.data(),
                              status == std::errc{} ? static_cast<std::size_t>(end - buffer.data()) : 0);
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void append_newline(std::string& out, int indent, int depth) {
  if (indent <= 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(depth), ' ');
}

// Recursive, yet bounded: parsed values are at most JsonLimits::max_depth deep, built ones a handful.
void append_json(std::string& out, const Json& value, int indent, int depth) {
  if (const JsonArray* array = value.if_array()) {
    out += '[';
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (i > 0) out += ',';
      append_newline(out, indent, depth + 1);
      append_json(out, (*array)[i], indent, depth + 1);
    }
    if (!array->empty()) append_newline(out, indent, depth);
    out += ']';
  } else if (const JsonObject* object = value.if_object()) {
    out += '{';
    for (std::size_t i = 0; i < object->size(); ++i) {
      if (i > 0) out += ',';
      append_newline(out, indent, depth + 1);
      append_json_string(out, (*object)[i].first);
      out += indent > 0 ? ": " : ":";
      append_json(out, (*object)[i].second, indent, depth + 1);
    }
    if (!object->empty()) append_newline(out, indent, depth);
    out += '}';
  } else if (const std::string* text = value.if_string()) {
    append_json_string(out, *text);
  } else if (const bool* flag = value.if_bool()) {
    out += *flag ? "true" : "false";
  } else if (const auto signed_value = value.is_integer() ? value.as_int64() : std::nullopt) {
    out += std::to_string(*signed_value);
  } else if (const auto unsigned_value = value.is_integer() ? value.as_uint64() : std::nullopt) {
    out += std::to_string(*unsigned_value);
  } else if (const auto number = value.as_double()) {
    append_double(out, *number);
  } else {
    out += "null";
  }
}

}  // namespace

// Receives nlohmann-json's events. Returning false stops the parse; `error_` then says why.
class JsonBuilder {
 public:
  JsonBuilder(const JsonLimits& limits, Json& root) : limits_(limits), root_(root) {}

  bool null() { return add(Json()); }
  bool boolean(bool v) { return add(Json(v)); }
  bool number_integer(std::int64_t v) { return add(Json(v)); }
  bool number_unsigned(std::uint64_t v) { return add(Json(v)); }
  bool number_float(double v, const std::string& /*text*/) { return add(Json(v)); }
  bool string(std::string& v) { return add(Json(std::move(v))); }
  bool binary(std::vector<std::uint8_t>& /*v*/) { return false; }
  bool start_object(std::size_t /*size*/) { return open(Json(JsonObject())); }
  bool start_array(std::size_t /*size*/) { return open(Json(JsonArray())); }
  bool end_object() {
    if (const std::string* key = repeated_key(*levels_.back()->if_object())) {
      error_ = Error{kJsonDuplicateKey,
                     "the key \"" + escape_untrusted(*key, 60) + "\" stands twice in one object",
                     "remove one of the two", "", std::nullopt};
      return false;
    }
    levels_.pop_back();
    return true;
  }
  bool end_array() {
    levels_.pop_back();
    return true;
  }
  bool key(std::string& v) {
    levels_.back()->if_object()->emplace_back(std::move(v), Json());
    return true;
  }
  bool parse_error(std::size_t position, const std::string& token, const nlohmann::detail::exception& e) {
    std::string_view reason = e.what();
    if (const std::size_t colon = reason.rfind(": "); colon != std::string_view::npos)
      reason.remove_prefix(colon + 2);
    error_ =
        Error{kJsonSyntax,
              "JSON is not valid: " + std::string(reason) + " (near \"" + escape_untrusted(token, 40) + "\")",
              "", "", position > 0 ? position - 1 : 0};
    return false;
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  Json* place(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *levels_.back();
    if (JsonArray* array = parent.if_array()) {
      array->push_back(std::move(value));
      return &array->back();
    }
    Json& slot = parent.if_object()->back().second;
    slot = std::move(value);
    return &slot;
  }
  bool add(Json value) {
    if (!count()) return false;
    place(std::move(value));
    return true;
  }
  bool count() {
    if (++values_ <= limits_.max_values) return true;
    error_ = Error{kJsonValues, "JSON has more than " + with_thousands(limits_.max_values) + " values", "",
                   "", std::nullopt};
    return false;
  }
  bool open(Json value) {
    if (levels_.size() >= limits_.max_depth) {
      error_ =
          Error{kJsonDepth, "JSON is nested deeper than " + std::to_string(limits_.max_depth) + " levels", "",
                "", std::nullopt};
      return false;
    }
    if (!count()) return false;
    // A pointer to an element of a growing array stays valid only while that element is the open one, and it
    // is: nothing is appended to an array before its last element is closed.
    levels_.push_back(place(std::move(value)));
    return true;
  }

  const JsonLimits& limits_;
  Json& root_;
  std::vector<Json*> levels_;  // the open arrays and objects
  std::uint64_t values_ = 0;
  std::optional<Error> error_;
};

std::optional<std::int64_t> Json::as_int64() const {
  if (const auto* v = std::get_if<std::int64_t>(&v_)) return *v;
  if (const auto* d = std::get_if<double>(&v_)) {
    // 2^63 is the first double past the range; whole values below it convert exactly.
    if (*d == std::floor(*d) && *d >= -0x1p63 && *d < 0x1p63) return static_cast<std::int64_t>(*d);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Json::as_uint64() const {
  if (const auto* v = std::get_if<std::uint64_t>(&v_)) return *v;
  const auto v = as_int64();
  if (v && *v >= 0) return static_cast<std::uint64_t>(*v);
  return std::nullopt;
}

std::optional<double> Json::as_double() const {
  if (const auto* v = std::get_if<double>(&v_)) return *v;
  if (const auto* v = std::get_if<std::int64_t>(&v_)) return static_cast<double>(*v);
  if (const auto* v = std::get_if<std::uint64_t>(&v_)) return static_cast<double>(*v);
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  const JsonObject* object = if_object();
  if (object == nullptr) return nullptr;
  for (const JsonMember& member : *object) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

Json& Json::operator[](std::string_view key) {
  if (!is_object()) v_ = JsonObject();
  JsonObject& object = *if_object();
  for (JsonMember& member : object) {
    if (member.first == key) return member.second;
  }
  return object.emplace_back(std::string(key), Json()).second;
}

void Json::push_back(Json value) {
  if (!is_array()) v_ = JsonArray();
  if_array()->push_back(std::move(value));
}

std::string Json::dump(int indent) const {
  std::string out;
  append_json(out, *this, indent, 0);
  return out;
}

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Error{kJsonSize,
                 "JSON has " + with_thousands(text.size()) + " bytes, the limit is " +
                     with_thousands(limits.max_bytes),
                 "", "", std::nullopt};
  }
  Json root;
  JsonBuilder builder(limits, root);
  // The parser skips a byte order mark, which RFC 8259 lets a reader refuse; a strict reader hides no bytes.
  if (text.starts_with("\xEF\xBB\xBF")) {
    return Error{kJsonSyntax, "JSON starts with a byte order mark", "save the file as UTF-8 without BOM", "",
                 0};
  }
  // The parser takes a NUL for the end of the text and would not look at what follows it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return Error{kJsonSyntax, "JSON contains a NUL byte", "", "", nul};
  }
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    if (builder.error()) return *builder.error();
    return Error{kJsonSyntax, "JSON is not valid", "", "", std::nullopt};
  }
  return root;
}

}  // namespace mote
