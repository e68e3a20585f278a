#include "text/template/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "base/strings.h"

namespace mote::text::jinja {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

std::string encoded(utf8proc_int32_t c) {
  std::string out;
  append_utf8(out, static_cast<char32_t>(c));
  return out;
}

}  // namespace

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += is_continuation(c) ? 0U : 1U;
  return count;
}

std::size_t byte_of_code_point(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (is_continuation(text[at])) continue;
    if (index == 0) break;
    --index;
  }
  return at;
}

std::size_t previous_code_point(std::string_view text, std::size_t position) {
  do --position;
  while (position > 0 && is_continuation(text[position]));
  return position;
}

bool is_python_space(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

ByteRange strip_range(std::string_view text, bool left, bool right, const std::string* set) {
  std::vector<char32_t> sorted;  // searched for every character of the text
  if (set != nullptr) {
    for (std::size_t at = 0; at < set->size();) sorted.push_back(next_code_point(*set, at));
    std::sort(sorted.begin(), sorted.end());
  }
  const auto strips = [&](char32_t c) {
    return set != nullptr ? std::binary_search(sorted.begin(), sorted.end(), c) : is_python_space(c);
  };
  ByteRange range{0, text.size()};
  while (left && range.begin < range.end) {
    std::size_t next = range.begin;
    if (!strips(next_code_point(text, next))) break;
    range.begin = next;
  }
  while (right && range.begin < range.end) {
    const std::size_t start = previous_code_point(text, range.end);
    std::size_t next = start;
    if (!strips(next_code_point(text, next))) break;
    range.end = start;
  }
  return range;
}

bool is_alpha(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT ||
         kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_LO;
}
bool is_digit(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_upper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU; }
bool is_lower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL; }

bool is_printable(char32_t c) {
  if (c == U' ') return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

std::string to_upper(char32_t c) {
  if (c == 0xDF) return "SS";
  return encoded(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
std::string to_lower(char32_t c) { return encoded(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))); }
std::string to_title(char32_t c) {
  if (c == 0xDF) return "Ss";
  return encoded(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

}  // namespace mote::text::jinja
