// Operations on text that keep the origin of every character.
#include <algorithm>

#include "base/strings.h"
#include "base/text_search.h"
#include "text/template/runtime.h"
#include "text/template/unicode.h"

namespace mote::text::jinja {

TaggedText replace_text(const TaggedText& text, std::string_view from, const TaggedText& to,
                        std::int64_t count) {
  const std::string& bytes = text.bytes();
  TaggedText result;
  std::size_t at = 0;
  if (from.empty()) {  // between all characters, and at both ends
    while (count != 0) {
      result.append(to);
      if (count > 0) --count;
      if (at == bytes.size()) return result;
      const std::size_t begin = at;
      next_code_point(bytes, at);
      result.append_slice(text, begin, at);
    }
    result.append_slice(text, at, bytes.size());
    return result;
  }
  for (; count != 0; count -= count > 0 ? 1 : 0) {
    const std::size_t found = find_text(bytes, from, at);
    if (found == std::string::npos) break;
    result.append_slice(text, at, found);
    result.append(to);
    at = found + from.size();
  }
  result.append_slice(text, at, bytes.size());
  return result;
}

// `first` for the first letter of the text, or of each word (a run of letters), `rest` for all others.
TaggedText map_case(const TaggedText& text, std::string (*first)(char32_t), std::string (*rest)(char32_t),
                    bool each_word) {
  TaggedText result;
  bool at_start = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text.bytes(), at);
    result.append(at_start ? first(c) : rest(c), text.is_template_at(begin));
    at_start = each_word && !is_alpha(c);
  }
  return result;
}

// The filter `title` starts words after white space and -, (, {, [, < only, unlike str.title().
TaggedText title_filter(const TaggedText& text) {
  TaggedText result;
  bool at_start = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text.bytes(), at);
    result.append(at_start ? to_upper(c) : to_lower(c), text.is_template_at(begin));
    at_start = is_python_space(c) || c == U'-' || c == U'(' || c == U'{' || c == U'[' || c == U'<';
  }
  return result;
}

TaggedText escape_html(const TaggedText& text) {
  constexpr std::string_view kSpecial = "&<>'\"";
  constexpr std::string_view kEscapes[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  TaggedText result;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t found = std::min(text.bytes().find_first_of(kSpecial, at), text.size());
    result.append_slice(text, at, found);
    if (found < text.size()) {
      result.append(kEscapes[kSpecial.find(text.bytes()[found])], text.is_template_at(found));
    }
    at = found + 1;
  }
  return result;
}

TaggedText center_text(const TaggedText& text, std::size_t width, char fill) {
  const std::size_t length = count_code_points(text.bytes());
  if (length >= width) return text;
  const std::size_t padding = width - length;
  const std::size_t left = padding / 2 + (padding & width & 1U);  // as CPython splits an odd rest
  TaggedText result(std::string(left, fill), true);
  result.append(text);
  result.append(std::string(padding - left, fill), true);
  return result;
}

}  // namespace mote::text::jinja
