#include "text/template/value_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "text/template/template_errors.h"
#include "text/template/unicode.h"

namespace mote::text::jinja {
namespace {

constexpr std::uint32_t kMaxNamespaceDepth = 8;  // namespaces may hold each other, unlike lists

std::string hex(std::uint32_t value, std::size_t digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out(digits, '0');
  for (std::size_t i = digits; i > 0; --i, value >>= 4U) out[i - 1] = kDigits[value & 15U];
  return out;
}

class Printer {
 public:
  explicit Printer(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  TaggedText take() { return std::move(out_); }

  void str(const Value& value) {
    if (value.is_undefined()) return;
    if (const TaggedText* text = value.if_string()) {
      out_.append(*text);
    } else {
      repr(value);
    }
  }

  void repr(const Value& value) {
    if (out_.size() > max_bytes_) return;
    if (value.is_undefined()) return add("Undefined");
    if (value.is_none()) return add("None");
    if (const bool* b = value.if_bool()) return add(*b ? "True" : "False");
    if (const std::int64_t* i = value.if_integer()) return add(std::to_string(*i));
    if (const double* d = value.if_real()) return add(float_repr(*d));
    if (const TaggedText* text = value.if_string()) return string(*text);
    if (const List* list = value.if_list()) return this->list(*list);
    if (const Dict* dict = value.if_dict()) return this->dict(*dict);
    if (const Namespace* space = value.if_namespace()) {
      if (namespace_depth_ == kMaxNamespaceDepth) return add("...");
      ++namespace_depth_;
      add("<Namespace ");
      dict(space->members);
      add(">");
      --namespace_depth_;
      return;
    }
    add(value.if_loop() != nullptr ? "<LoopContext>" : "<function>");
  }

 private:
  void add(std::string_view text) { out_.append(text, true); }

  void list(const List& list) {
    switch (list.kind) {
      case ListKind::list:
        return items(list, "[", "]");
      case ListKind::tuple:
        return items(list, "(", list.items.size() == 1 ? ",)" : ")");
      case ListKind::keys:
        return items(list, "dict_keys([", "])");
      case ListKind::values:
        return items(list, "dict_values([", "])");
      case ListKind::items:
        return items(list, "dict_items([", "])");
      case ListKind::generator:
        return add("<generator object>");
      case ListKind::range:
        break;
    }
    add("range(" + std::to_string(list.range[0]) + ", " + std::to_string(list.range[1]));
    if (list.range[2] != 1) add(", " + std::to_string(list.range[2]));
    add(")");
  }

  void items(const List& list, std::string_view open, std::string_view close) {
    add(open);
    for (std::size_t i = 0; i < list.items.size() && out_.size() <= max_bytes_; ++i) {
      if (i > 0) add(", ");
      repr(list.items[i]);
    }
    add(close);
  }

  void dict(const Dict& dict) {
    add("{");
    bool first = true;
    for (const auto& [key, value] : dict.members) {
      if (out_.size() > max_bytes_) break;
      if (!std::exchange(first, false)) add(", ");
      repr(key);
      add(": ");
      repr(value);
    }
    add("}");
  }

  // In single quotes, unless the text has those and no double ones.
  void string(const TaggedText& text) {
    const std::string& bytes = text.bytes();
    const bool has_single = bytes.find('\'') != std::string::npos;
    const char quote = has_single && bytes.find('"') == std::string::npos ? '"' : '\'';
    add(std::string_view(&quote, 1));
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t start = at;
      const char32_t c = next_code_point(bytes, at);
      const bool origin = text.is_template_at(start);
      if (c == U'\\' || c == static_cast<char32_t>(quote)) {
        out_.append("\\", origin);
        out_.append_slice(text, start, at);
      } else if (c == U'\n' || c == U'\r' || c == U'\t') {
        out_.append(c == U'\n' ? "\\n" : c == U'\r' ? "\\r" : "\\t", origin);
      } else if (is_printable(c)) {
        out_.append_slice(text, start, at);
      } else if (c < 0x100) {
        out_.append("\\x" + hex(c, 2), origin);
      } else {
        out_.append(c < 0x10000 ? "\\u" + hex(c, 4) : "\\U" + hex(c, 8), origin);
      }
    }
    add(std::string_view(&quote, 1));
  }

  TaggedText out_;
  std::size_t max_bytes_;
  std::uint32_t namespace_depth_ = 0;
};

class JsonPrinter {
 public:
  explicit JsonPrinter(const JsonStyle& style) : style_(style) {}
  TaggedText take() { return std::move(out_); }

  Result<void> print(const Value& value) {
    if (full()) return {};
    if (value.is_none()) {
      add("null");
    } else if (const bool* b = value.if_bool()) {
      add(*b ? "true" : "false");
    } else if (const std::int64_t* i = value.if_integer()) {
      add(std::to_string(*i));
    } else if (const double* d = value.if_real()) {
      add(number(*d));
    } else if (const TaggedText* text = value.if_string()) {
      string(*text);
    } else if (const Dict* dict = value.if_dict()) {
      return object(*dict);
    } else if (const List* list = value.if_list();
               list != nullptr && (list->kind == ListKind::list || list->kind == ListKind::tuple)) {
      return array(*list);
    } else {
      return refuse(value, "");
    }
    return {};
  }

 private:
  void add(std::string_view text) { out_.append(text, true); }
  // Past the budget, as the caller will see: separators and indents are the template's own texts of any
  // length, so the loops stop as well.
  [[nodiscard]] bool full() const { return out_.size() > style_.max_bytes; }

  static Error refuse(const Value& value, std::string_view as) {
    return {kTplRuntime,
            "cannot write a value of type " + std::string(type_name(value)) + std::string(as) + " as JSON",
            "", "", std::nullopt};
  }

  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return float_repr(value);
  }

  void line_break() {
    if (!style_.has_indent) return;
    add("\n");
    for (std::size_t i = 0; i < level_ && !full(); ++i) out_.append(style_.indent);
  }

  Result<void> array(const List& list) {
    if (list.items.empty()) {
      add("[]");
      return {};
    }
    add("[");
    ++level_;
    for (std::size_t i = 0; i < list.items.size() && !full(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      line_break();
      MOTE_TRY(print(list.items[i]));
    }
    --level_;
    line_break();
    add("]");
    return {};
  }

  Result<void> object(const Dict& dict) {
    if (dict.members.empty()) {
      add("{}");
      return {};
    }
    std::vector<const std::pair<Value, Value>*> members;
    members.reserve(dict.members.size());
    for (const auto& member : dict.members) members.push_back(&member);
    if (style_.sort_keys) {
      for (const auto* member : members) {
        if (!compare(member->first, members[0]->first)) return refuse(member->first, " (a key to sort by)");
      }
      std::ranges::stable_sort(
          members, [](const auto* a, const auto* b) { return compare(a->first, b->first) == -1; });
    }
    add("{");
    ++level_;
    bool first = true;
    for (const auto* member : members) {
      if (full()) break;
      if (!std::exchange(first, false)) out_.append(style_.item_separator);
      line_break();
      MOTE_TRY(key(member->first));
      out_.append(style_.key_separator);
      MOTE_TRY(print(member->second));
    }
    --level_;
    line_break();
    add("}");
    return {};
  }

  Result<void> key(const Value& value) {
    if (value.if_string() != nullptr) {
      string(*value.if_string());
      return {};
    }
    if (!value.is_none() && !value.is_number()) return refuse(value, " (a key)");
    add("\"");
    MOTE_TRY(print(value));
    add("\"");
    return {};
  }

  void string(const TaggedText& text) {
    const std::string& bytes = text.bytes();
    add("\"");
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t start = at;
      const char32_t c = next_code_point(bytes, at);
      const bool origin = text.is_template_at(start);
      constexpr std::string_view kEscaped = "\"\\\n\r\t\b\f";
      constexpr std::string_view kLetters = "\"\\nrtbf";
      const std::size_t found = c < 0x80 ? kEscaped.find(static_cast<char>(c)) : std::string_view::npos;
      if (found != std::string_view::npos) {
        out_.append(std::string("\\") + kLetters[found], origin);
      } else if (c < 0x20 || (style_.ensure_ascii && c > 0x7E && c < 0x10000)) {
        // 0x7F is written as it is, also by ensure_ascii.
        if (c == 0x7F) {
          out_.append_slice(text, start, at);
        } else {
          out_.append("\\u" + hex(c, 4), origin);
        }
      } else if (style_.ensure_ascii && c >= 0x10000) {
        const std::uint32_t rest = static_cast<std::uint32_t>(c) - 0x10000U;
        out_.append("\\u" + hex(0xD800U + (rest >> 10U), 4) + "\\u" + hex(0xDC00U + (rest & 0x3FFU), 4),
                    origin);
      } else {
        out_.append_slice(text, start, at);
      }
    }
    add("\"");
  }

  const JsonStyle& style_;
  TaggedText out_;
  std::size_t level_ = 0;
};

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 40> buffer{};
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  std::string text(buffer.data(), result.ptr);  // "-d.ddde-05"
  const std::size_t e = text.find('e');
  const int exponent = std::atoi(text.c_str() + e + 1);
  if (exponent < -4 || exponent >= 16) return text;
  const bool negative = text[0] == '-';
  std::string digits = text.substr(negative ? 1 : 0, e - (negative ? 1 : 0));
  std::erase(digits, '.');
  std::string out = negative ? "-" : "";
  if (exponent < 0) {
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  }
  const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < whole) digits.append(whole - digits.size(), '0');
  out += digits.substr(0, whole) + ".";
  return out + (digits.size() > whole ? digits.substr(whole) : "0");
}

TaggedText to_text(const Value& value, std::size_t max_bytes) {
  Printer printer(max_bytes);
  printer.str(value);
  return printer.take();
}

TaggedText to_repr(const Value& value, std::size_t max_bytes) {
  Printer printer(max_bytes);
  printer.repr(value);
  return printer.take();
}

Result<TaggedText> to_json(const Value& value, const JsonStyle& style) {
  JsonPrinter printer(style);
  MOTE_TRY(printer.print(value));
  return printer.take();
}

}  // namespace mote::text::jinja
