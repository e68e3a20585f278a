#include "apps/roff.h"

#include <charconv>

#include "base/strings.h"

namespace mote::cli::roff {
namespace {

std::string_view replacement(char32_t c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '"':
      return "\\(dq";
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    default:
      return {};
  }
}

std::string unicode(char32_t c) {
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, static_cast<std::uint32_t>(c), 16).ptr;
  std::string hex(digits, end);
  for (char& digit : hex) digit = digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit;
  return "\\[u" + std::string(hex.size() < 4 ? 4 - hex.size() : 0, '0') + hex + "]";
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    // A quote is replaced anyway; the zero-width \& keeps a dot from being a request.
    if (line_start && c == '.') out += "\\&";
    if (const std::string_view other = replacement(c); !other.empty()) {
      out += other;
    } else if (c >= 0x80) {
      out += unicode(c);
    } else {
      out += static_cast<char>(c);
    }
    line_start = c == '\n';
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + escape(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escape(text) + "\\fR"; }
std::string argument(std::string_view text) { return "\"" + escape(text) + "\""; }

}  // namespace mote::cli::roff
