// The filters of Jinja2 that make one value of one value; those on sequences are in filters_sequence.cc.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "text/template/runtime.h"
#include "text/template/template_errors.h"
#include "text/template/unicode.h"
#include "text/template/value_text.h"

namespace mote::text::jinja {
namespace {

Error undefined_operand(const Value& value) {
  const Undefined* undefined = value.if_undefined();
  return runtime_error(undefined->what != nullptr ? *undefined->what : "a value is undefined");
}

Result<Value> tojson(Runtime& runtime, const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args,
              bind(arguments, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.max_bytes = runtime.limits().max_output_bytes;
  style.ensure_ascii = truth_or(args[0], false);
  style.sort_keys = truth_or(args[3], false);
  if (args[1] != nullptr && !args[1]->is_none()) {
    style.has_indent = true;
    style.item_separator = TaggedText(",", true);
    if (const TaggedText* text = args[1]->if_string()) {
      style.indent = *text;
    } else {
      MOTE_ASSIGN(const std::int64_t width, integer_or(args[1], 0, "tojson"));
      const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(width, 0));
      MOTE_TRY(runtime.charge_text(count));
      style.indent = TaggedText(std::string(count, ' '), true);
    }
  }
  if (args[2] != nullptr && !args[2]->is_none()) {
    MOTE_ASSIGN(const Values separators, iterate(runtime, *args[2]));
    const bool fits = separators.size() == 2 && separators[0].if_string() != nullptr &&
                      separators[1].if_string() != nullptr;
    if (!fits) return runtime_error("'tojson' needs two separators");
    style.item_separator = *separators[0].if_string();
    style.key_separator = *separators[1].if_string();
  }
  MOTE_TRY(runtime.step(1 + weight_of(value) / 16));
  auto text = to_json(value, style);
  if (!text) {
    return text.error().code.name == kTplRuntime.name ? runtime_error(text.error().message)
                                                      : std::move(text).error();
  }
  return runtime.text(std::move(*text));
}

Result<Value> default_value(const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "default", {"default_value", "boolean"}));
  const bool use_default = value.is_undefined() || (truth_or(args[1], false) && !truthy(value));
  if (!use_default) return value;
  return args[0] != nullptr ? *args[0] : Value(TaggedText());
}

Result<Value> trim(Runtime& runtime, const TaggedText& text, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "trim", {"chars"}));
  const std::string* set = nullptr;
  if (args[0] != nullptr && !args[0]->is_none()) {
    if (args[0]->if_string() == nullptr) return runtime_error("'trim' needs text");
    set = &args[0]->if_string()->bytes();
  }
  const ByteRange range = strip_range(text.bytes(), true, true, set);
  return runtime.text(text.slice(range.begin, range.end));
}

Result<Value> indent(Runtime& runtime, const TaggedText& text, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "indent", {"width", "first", "blank"}));
  TaggedText margin("    ", true);
  if (args[0] != nullptr && args[0]->if_string() != nullptr) {
    margin = *args[0]->if_string();
  } else {
    MOTE_ASSIGN(const std::int64_t width, integer_or(args[0], 4, "indent"));
    const std::uint64_t count = static_cast<std::uint64_t>(std::max<std::int64_t>(width, 0));
    MOTE_TRY(runtime.charge_text(count));
    margin = TaggedText(std::string(count, ' '), true);
  }
  const bool first = truth_or(args[1], false);
  const bool blank = truth_or(args[2], false);
  TaggedText result;
  if (first) result.append(margin);
  // A newline is added before the lines are cut and taken away after, so that the last line always ends.
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.bytes().find('\n', at), text.size());
    const bool is_first = at == 0;
    if (!is_first) {
      result.append("\n", text.is_template_at(at - 1));
      if (blank || end > at) result.append(margin);
    }
    result.append_slice(text, at, end);
    MOTE_TRY(runtime.charge_text(result.size()));
    at = end + 1;
  }
  return Value(std::move(result));
}

Result<Value> center(Runtime& runtime, const TaggedText& text, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "center", {"width"}));
  MOTE_ASSIGN(const std::int64_t width, integer_or(args[0], 80, "center"));
  const std::size_t count = static_cast<std::size_t>(std::max<std::int64_t>(width, 0));
  MOTE_TRY(runtime.charge_text(count));
  return runtime.text(center_text(text, count, ' '));
}

Result<Value> wordcount(const TaggedText& text) {
  std::int64_t words = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text.bytes(), at);
    const bool is_word = is_alpha(c) || is_digit(c) || c == U'_';
    words += is_word && !inside ? 1 : 0;
    inside = is_word;
  }
  return Value(words);
}

std::string stripped(const TaggedText& text) {
  const ByteRange range = strip_range(text.bytes(), true, true, nullptr);
  std::string digits = text.bytes().substr(range.begin, range.end - range.begin);
  // Python allows single underscores between digits.
  for (std::size_t i = 1; i + 1 < digits.size(); ++i) {
    const auto is_digit_at = [&](std::size_t at) { return digits[at] >= '0' && digits[at] <= '9'; };
    if (digits[i] == '_' && is_digit_at(i - 1) && is_digit_at(i + 1)) digits.erase(i, 1);
  }
  return digits;
}

std::optional<double> parse_float(std::string digits) {
  if (!digits.empty() && digits[0] == '+') digits.erase(0, 1);
  const std::string lower = to_lower_ascii(digits);
  if (lower == "inf" || lower == "infinity") return HUGE_VAL;
  if (lower == "-inf" || lower == "-infinity") return -HUGE_VAL;
  if (lower == "nan" || lower == "-nan") return std::nan("");
  if (digits.ends_with('.')) digits.push_back('0');
  if (digits.starts_with('.')) digits.insert(0, "0");
  return parse_double(digits);
}

Result<Value> integer(const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "int", {"default", "base"}));
  MOTE_ASSIGN(const std::int64_t base, integer_or(args[1], 10, "int"));
  if (value.is_undefined()) return undefined_operand(value);
  Value fallback = args[0] != nullptr ? *args[0] : Value(std::int64_t{0});
  if (const auto index = value.as_index()) return Value(*index);
  std::optional<double> number = value.as_number();
  if (const TaggedText* text = value.if_string()) {
    std::string digits = stripped(*text);
    if (base == 10) {
      if (digits.starts_with('+')) digits.erase(0, 1);
      if (const auto parsed = parse_int64(digits)) return Value(*parsed);
    } else {
      char* end = nullptr;
      const bool fits = (base >= 2 && base <= 36) || base == 0;
      const long long parsed = fits ? std::strtoll(digits.c_str(), &end, static_cast<int>(base)) : 0;
      if (fits && !digits.empty() && *end == '\0') return Value(static_cast<std::int64_t>(parsed));
    }
    number = parse_float(digits);
  }
  if (!number || !std::isfinite(*number)) return fallback;
  if (std::abs(*number) >= 0x1p63) return runtime_error("'int' got a number that needs more than 64 bits");
  return Value(static_cast<std::int64_t>(*number));
}

Result<Value> float_number(const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "float", {"default"}));
  if (value.is_undefined()) return undefined_operand(value);
  std::optional<double> number = value.as_number();
  if (const TaggedText* text = value.if_string()) number = parse_float(stripped(*text));
  if (number) return Value(*number);
  return args[0] != nullptr ? *args[0] : Value(0.0);
}

// Python's round(): to even, on the exact decimal value of the float, which printf knows.
double round_to_even(double value, int digits) {
  if (digits > 300 || !std::isfinite(value)) return value;
  if (digits >= 0) {
    char buffer[700];
    std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
    return parse_double(buffer).value_or(value);
  }
  const double scale = std::pow(10.0, -digits);
  return std::nearbyint(value / scale) * scale;
}

Result<Value> round(const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "round", {"precision", "method"}));
  MOTE_ASSIGN(const std::int64_t precision, integer_or(args[0], 0, "round"));
  const std::string method =
      args[1] != nullptr && args[1]->if_string() != nullptr ? args[1]->if_string()->bytes() : "common";
  if (method != "common" && method != "ceil" && method != "floor") {
    return runtime_error("'round' knows the methods common, ceil and floor");
  }
  const auto number = value.as_number();
  if (!number) return runtime_error("'round' needs a number, got " + std::string(type_name(value)));
  const int digits = static_cast<int>(std::clamp<std::int64_t>(precision, -300, 300));
  if (method == "common") {
    if (value.as_index() && digits >= 0) return Value(*value.as_index());
    const double rounded = round_to_even(*number, digits);
    return value.as_index() ? Value(static_cast<std::int64_t>(rounded)) : Value(rounded);
  }
  const double scale = std::pow(10.0, digits);
  const double scaled = *number * scale;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Result<Value> absolute(const Value& value) {
  if (const auto index = value.as_index()) {
    if (*index == INT64_MIN) return runtime_error("'abs' needs more than 64 bits");
    return Value(*index < 0 ? -*index : *index);
  }
  if (const auto number = value.as_number()) return Value(std::abs(*number));
  if (value.is_undefined()) return undefined_operand(value);
  return runtime_error("'abs' needs a number, got " + std::string(type_name(value)));
}

Result<Value> count(const Value& value) {
  MOTE_ASSIGN(const std::int64_t length, length_of(value));
  return Value(length);
}

Result<Value> marked(TaggedText text) {
  text.markup = true;
  return Value(std::move(text));
}

// Filters on str(value).
Result<Value> text_filter(Runtime& runtime, Filter filter, const Value& value,
                          const CallArguments& arguments) {
  MOTE_ASSIGN(const TaggedText text, runtime.str(value));
  switch (filter) {
    case Filter::trim:
      return trim(runtime, text, arguments);
    case Filter::indent:
      return indent(runtime, text, arguments);
    case Filter::center:
      return center(runtime, text, arguments);
    case Filter::replace: {
      MOTE_ASSIGN(const auto args, bind(arguments, "replace", {"old", "new", "count"}, 2));
      CallArguments call;
      for (std::size_t i = 0; i < 2; ++i) {
        MOTE_ASSIGN(TaggedText part, runtime.str(*args[i]));
        call.positional.emplace_back(std::move(part));
      }
      if (args[2] != nullptr && !args[2]->is_none()) call.positional.push_back(*args[2]);
      return call_text_method(runtime, text, "replace", call);
    }
    case Filter::format: {
      if (!arguments.positional.empty() && !arguments.named.empty()) {
        return runtime_error("'format' takes values or names, not both");
      }
      Dict named;
      for (const auto& [name, given] : arguments.named) named.set(make_string(name), given);
      return format_percent(runtime, text, arguments.positional, arguments.named.empty() ? nullptr : &named);
    }
    default:
      break;
  }
  MOTE_TRY(bind(arguments, "a text filter", {}));
  switch (filter) {
    case Filter::upper:
      return runtime.text(map_case(text, to_upper, to_upper, false));
    case Filter::lower:
      return runtime.text(map_case(text, to_lower, to_lower, false));
    case Filter::capitalize:
      return runtime.text(map_case(text, to_title, to_lower, false));
    case Filter::title:
      return runtime.text(title_filter(text));
    case Filter::wordcount:
      return wordcount(text);
    case Filter::safe:
      return marked(text);
    case Filter::escape:
      if (text.markup) return Value(text);
      [[fallthrough]];
    case Filter::force_escape: {
      MOTE_TRY(runtime.charge_text(text.size() * 5));
      return marked(escape_html(text));
    }
    default:
      return Value(text);  // string
  }
}

}  // namespace

Result<Value> apply_filter(Runtime& runtime, Filter filter, std::string_view name, const Value& value,
                           const CallArguments& arguments) {
  switch (filter) {
    case Filter::unknown:
      return Error{
          kTplUnsupported,
          "cannot render chat template: filter '" + escape_untrusted(name, 60) + "' is not supported",
          "try a simpler template with `mote render --template`", "", std::nullopt};
    case Filter::tojson:
      return tojson(runtime, value, arguments);
    case Filter::default_value:
      return default_value(value, arguments);
    case Filter::integer:
      return integer(value, arguments);
    case Filter::float_number:
      return float_number(value, arguments);
    case Filter::round:
      return round(value, arguments);
    case Filter::abs:
      MOTE_TRY(bind(arguments, name, {}));
      return absolute(value);
    case Filter::count:
      MOTE_TRY(bind(arguments, name, {}));
      return count(value);
    case Filter::string:
      MOTE_TRY(bind(arguments, name, {}));
      if (value.if_string() != nullptr) return value;
      [[fallthrough]];
    case Filter::trim:
    case Filter::indent:
    case Filter::center:
    case Filter::replace:
    case Filter::format:
    case Filter::upper:
    case Filter::lower:
    case Filter::capitalize:
    case Filter::title:
    case Filter::wordcount:
    case Filter::safe:
    case Filter::escape:
    case Filter::force_escape:
      return text_filter(runtime, filter, value, arguments);
    default:
      return apply_sequence_filter(runtime, filter, value, arguments);
  }
}

}  // namespace mote::text::jinja
