// The two ways of Python to put values into a text: "%s" and "{}"; and strftime.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/strings.h"
#include "text/template/runtime.h"
#include "text/template/template_errors.h"
#include "text/template/unicode.h"

namespace mote::text::jinja {
namespace {

constexpr std::size_t kMaxWidth = 4096;

struct FormatSpec {
  bool left = false;
  bool plus = false;
  bool zero = false;
  std::size_t width = 0;
  std::optional<std::size_t> precision;
  char type = 's';
};

std::optional<std::size_t> read_number(std::string_view text, std::size_t& at) {
  std::size_t value = 0;
  const std::size_t start = at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value = std::min(value * 10 + static_cast<std::size_t>(text[at] - '0'), kMaxWidth + 1);
  }
  return at == start ? std::nullopt : std::optional(value);
}

Error unsupported_format(std::string_view what) {
  return {
      kTplUnsupported,
      "cannot render chat template: the text format '" + escape_untrusted(what, 40) + "' is not supported",
      "", "", std::nullopt};
}

Result<std::string> format_number(const Value& value, const FormatSpec& spec) {
  const auto number = value.as_number();
  if (!number) return runtime_error("a text format needs a number, got " + std::string(type_name(value)));
  std::array<char, 512> buffer{};
  if (std::string_view("di").find(spec.type) != std::string_view::npos) {
    const auto index = value.as_index();
    if (!index && (!std::isfinite(*number) || std::abs(*number) >= 0x1p63)) {
      return runtime_error("a number is too large to be shown as an integer");
    }
    const std::int64_t whole = index ? *index : static_cast<std::int64_t>(*number);
    return (spec.plus && whole >= 0 ? "+" : "") + std::to_string(whole);
  }
  if (spec.type == 'x' || spec.type == 'X' || spec.type == 'o') {
    const auto index = value.as_index();
    if (!index) return runtime_error("a text format needs an integer, got " + std::string(type_name(value)));
    const std::uint64_t magnitude =
        *index < 0 ? 0 - static_cast<std::uint64_t>(*index) : static_cast<std::uint64_t>(*index);
    std::snprintf(buffer.data(), buffer.size(),
                  spec.type == 'x'   ? "%lx"
                  : spec.type == 'X' ? "%lX"
                                     : "%lo",
                  magnitude);
    return (*index < 0 ? "-" : spec.plus ? "+" : "") + std::string(buffer.data());
  }
  const int precision = static_cast<int>(std::min<std::size_t>(spec.precision.value_or(6), 100));
  const char* pattern = spec.type == 'f' ? "%.*f" : spec.type == 'e' ? "%.*e" : "%.*g";
  std::snprintf(buffer.data(), buffer.size(), pattern, precision, *number);
  return (spec.plus && !std::signbit(*number) ? "+" : "") + std::string(buffer.data());
}

// `text` to the width: numbers to the right, other text to the left unless told otherwise.
TaggedText padded(const TaggedText& text, const FormatSpec& spec, bool to_left) {
  const std::size_t length = count_code_points(text.bytes());
  if (length >= spec.width) return text;
  const std::size_t padding = spec.width - length;
  TaggedText result;
  if (to_left) {
    result = text;
    result.append(std::string(padding, ' '), true);
    return result;
  }
  const bool is_signed = spec.zero && !text.empty() && (text.bytes()[0] == '-' || text.bytes()[0] == '+');
  if (is_signed) result.append_slice(text, 0, 1);
  result.append(std::string(padding, spec.zero ? '0' : ' '), true);
  result.append_slice(text, is_signed ? 1 : 0, text.size());
  return result;
}

TaggedText first_code_points(const TaggedText& text, std::size_t count) {
  return text.slice(0, byte_of_code_point(text.bytes(), count));
}

}  // namespace

Result<Value> format_percent(Runtime& runtime, const TaggedText& format, const Values& values,
                             const Dict* named) {
  const std::string& bytes = format.bytes();
  TaggedText result;
  std::size_t used = 0;
  bool by_name = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t percent = std::min(bytes.find('%', at), bytes.size());
    result.append_slice(format, at, percent);
    if (percent == bytes.size()) break;
    at = percent + 1;
    FormatSpec spec;
    const Value* value = nullptr;
    if (at < bytes.size() && bytes[at] == '(') {
      const std::size_t close = bytes.find(')', at);
      if (close == std::string::npos || named == nullptr)
        return runtime_error("a text format needs a mapping");
      value = named->find(std::string_view(bytes).substr(at + 1, close - at - 1));
      if (value == nullptr) return runtime_error("a text format names a missing key");
      at = close + 1;
      by_name = true;
    }
    for (; at < bytes.size() && std::string_view("-+0 #").find(bytes[at]) != std::string_view::npos; ++at) {
      if (bytes[at] == ' ' || bytes[at] == '#')
        return unsupported_format(std::string_view(bytes).substr(percent, 8));
      spec.left = spec.left || bytes[at] == '-';
      spec.plus = spec.plus || bytes[at] == '+';
      spec.zero = spec.zero || bytes[at] == '0';
    }
    spec.width = read_number(bytes, at).value_or(0);
    if (at < bytes.size() && bytes[at] == '.') spec.precision = read_number(bytes, ++at).value_or(0);
    if (spec.width > kMaxWidth) return unsupported_format(std::string_view(bytes).substr(percent, 12));
    if (at == bytes.size()) return runtime_error("a text format is incomplete");
    spec.type = bytes[at++];
    if (spec.type == '%') {
      result.append_slice(format, at - 1, at);
      continue;
    }
    if (value == nullptr) {
      if (used == values.size()) return runtime_error("a text format has more places than values");
      value = &values[used++];
    }
    TaggedText shown;
    if (spec.type == 's' || spec.type == 'r') {
      MOTE_ASSIGN(shown, spec.type == 's' ? runtime.str(*value) : runtime.repr(*value));
      if (spec.precision) shown = first_code_points(shown, *spec.precision);
      spec.zero = false;
    } else if (std::string_view("dixXofeg").find(spec.type) != std::string_view::npos) {
      MOTE_ASSIGN(std::string digits, format_number(*value, spec));
      shown = TaggedText(std::move(digits), true);
    } else {
      return unsupported_format(std::string_view(bytes).substr(percent, at - percent));
    }
    MOTE_TRY(runtime.charge_text(result.size() + shown.size() + spec.width));
    result.append(padded(shown, spec, spec.left));
  }
  if (!by_name && named == nullptr && used < values.size()) {
    return runtime_error("a text format has fewer places than values");
  }
  return Value(std::move(result));
}

namespace {

// "[[fill]align][sign][0][width][.precision][type]"
Result<TaggedText> format_one(Runtime& runtime, const Value& value, std::string_view spec_text) {
  MOTE_ASSIGN(TaggedText shown, runtime.str(value));
  if (spec_text.empty()) return shown;
  FormatSpec spec;
  std::size_t at = 0;
  char align = '\0';
  if (spec_text[0] == '<' || spec_text[0] == '>') align = spec_text[at++];
  if (at < spec_text.size() && spec_text[at] == '+') spec.plus = (++at, true);
  if (at < spec_text.size() && spec_text[at] == '0') spec.zero = (++at, true);
  spec.width = read_number(spec_text, at).value_or(0);
  if (at < spec_text.size() && spec_text[at] == '.')
    spec.precision = read_number(spec_text, ++at).value_or(0);
  const bool is_text = value.if_string() != nullptr;
  spec.type = at < spec_text.size() ? spec_text[at++] : is_text ? 's' : '\0';
  const bool type_fits =
      is_text ? spec.type == 's' : std::string_view("dxXofeg").find(spec.type) != std::string_view::npos;
  const bool plain_integer =
      spec.type == '\0' && value.as_index() && value.if_bool() == nullptr && !spec.precision;
  if (plain_integer) spec.type = 'd';
  if (at != spec_text.size() || spec.width > kMaxWidth || (!type_fits && !plain_integer)) {
    return unsupported_format(spec_text);
  }
  if (is_text) {
    if (spec.precision) shown = first_code_points(shown, *spec.precision);
    spec.zero = false;
  } else {
    if (spec.type == 'd' && !value.as_index()) return runtime_error("the text format 'd' needs an integer");
    MOTE_ASSIGN(std::string digits, format_number(value, spec));
    shown = TaggedText(std::move(digits), true);
  }
  return padded(shown, spec, align == '<' || (align == '\0' && is_text));
}

}  // namespace

Result<Value> format_braces(Runtime& runtime, const TaggedText& format, const CallArguments& arguments) {
  const std::string_view bytes = format.bytes();
  TaggedText result;
  std::size_t automatic = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
    result.append_slice(format, at, brace);
    if (brace == bytes.size()) break;
    at = brace + 1;
    if (at < bytes.size() && bytes[at] == bytes[brace]) {  // doubled
      result.append_slice(format, brace, at);
      ++at;
      continue;
    }
    const std::size_t close = bytes.find('}', at);
    if (bytes[brace] == '}' || close == std::string_view::npos)
      return runtime_error("a text format has a single brace");
    std::string_view field = bytes.substr(at, close - at);
    at = close + 1;
    std::string_view spec;
    if (const std::size_t colon = field.find(':'); colon != std::string_view::npos) {
      spec = field.substr(colon + 1);
      field = field.substr(0, colon);
    }
    if (field.find_first_of(".[!{") != std::string_view::npos || spec.find('{') != std::string_view::npos) {
      return unsupported_format(field);
    }
    const Value* value = nullptr;
    const auto number = parse_uint64(field);
    if (field.empty() || number) {
      const std::uint64_t index = number ? *number : automatic++;
      if (index < arguments.positional.size()) value = &arguments.positional[index];
    } else {
      for (const auto& [name, given] : arguments.named) {
        if (name == field) value = &given;
      }
    }
    if (value == nullptr) return runtime_error("a text format names a missing value");
    MOTE_ASSIGN(const TaggedText shown, format_one(runtime, *value, spec));
    MOTE_TRY(runtime.charge_text(result.size() + shown.size()));
    result.append(shown);
  }
  return Value(std::move(result));
}

std::string format_time(std::string_view format, const std::tm& time) {
  constexpr std::array<std::string_view, 12> kMonths{"January",   "February", "March",    "April",
                                                     "May",       "June",     "July",     "August",
                                                     "September", "October",  "November", "December"};
  constexpr std::array<std::string_view, 7> kDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                  "Thursday", "Friday", "Saturday"};
  const auto digits = [](int value, std::size_t width) {
    std::string text = std::to_string(value);
    return text.size() < width ? std::string(width - text.size(), '0') + text : text;
  };
  const std::string_view month = kMonths[static_cast<std::size_t>(std::clamp(time.tm_mon, 0, 11))];
  const std::string_view day = kDays[static_cast<std::size_t>(std::clamp(time.tm_wday, 0, 6))];
  const int hour12 = time.tm_hour % 12 == 0 ? 12 : time.tm_hour % 12;
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out.push_back(format[i]);
      continue;
    }
    const bool bare = format[i + 1] == '-' && i + 2 < format.size();  // without leading zero
    i += bare ? 2 : 1;
    const std::size_t width = bare ? 1 : 2;
    switch (format[i]) {
      case 'Y':
        out += std::to_string(time.tm_year + 1900);
        break;
      case 'y':
        out += digits((time.tm_year + 1900) % 100, width);
        break;
      case 'm':
        out += digits(time.tm_mon + 1, width);
        break;
      case 'd':
        out += digits(time.tm_mday, width);
        break;
      case 'e':
        out += (time.tm_mday < 10 && !bare ? " " : "") + std::to_string(time.tm_mday);
        break;
      case 'H':
        out += digits(time.tm_hour, width);
        break;
      case 'I':
        out += digits(hour12, width);
        break;
      case 'M':
        out += digits(time.tm_min, width);
        break;
      case 'S':
        out += digits(time.tm_sec, width);
        break;
      case 'j':
        out += digits(time.tm_yday + 1, bare ? 1 : 3);
        break;
      case 'p':
        out += time.tm_hour < 12 ? "AM" : "PM";
        break;
      case 'B':
        out += month;
        break;
      case 'b':
      case 'h':
        out += month.substr(0, 3);
        break;
      case 'A':
        out += day;
        break;
      case 'a':
        out += day.substr(0, 3);
        break;
      case 'w':
        out += std::to_string(time.tm_wday);
        break;
      case 'f':
        out += "000000";
        break;
      case 'Z':
      case 'z':
        break;  // a naive time has no zone
      case 'F':
        out += format_time("%Y-%m-%d", time);
        break;
      case 'T':
        out += format_time("%H:%M:%S", time);
        break;
      case 'R':
        out += format_time("%H:%M", time);
        break;
      case 'D':
      case 'x':
        out += format_time("%m/%d/%y", time);
        break;
      case 'X':
        out += format_time("%H:%M:%S", time);
        break;
      case 'c':
        out += format_time("%a %b %e %H:%M:%S %Y", time);
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 't':
        out.push_back('\t');
        break;
      case '%':
        out.push_back('%');
        break;
      default:
        out.append(format.substr(i - (bare ? 2 : 1), bare ? 3 : 2));
        break;
    }
  }
  return out;
}

}  // namespace mote::text::jinja
