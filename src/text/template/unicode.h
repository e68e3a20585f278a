// Code points of valid UTF-8, and what Python's str methods count as white space, letters and digits.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mote::text::jinja {

std::size_t count_code_points(std::string_view text);
// Byte position of the code point number `index`; text.size() past the end.
std::size_t byte_of_code_point(std::string_view text, std::size_t index);
// Position of the code point that ends before `position` > 0.
std::size_t previous_code_point(std::string_view text, std::size_t position);

// str.isspace() of Python 3.
bool is_python_space(char32_t c);
// Byte range left after stripping white space, or any of the code points of `set` where it is not null.
struct ByteRange {
  std::size_t begin;
  std::size_t end;
};
ByteRange strip_range(std::string_view text, bool left, bool right, const std::string* set);

bool is_alpha(char32_t c);
bool is_digit(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_printable(char32_t c);  // str.isprintable(): what repr() shows as it is
// Simple case mappings; German sharp s becomes "SS" in upper case ("Ss" in title case).
std::string to_upper(char32_t c);
std::string to_lower(char32_t c);
std::string to_title(char32_t c);

}  // namespace mote::text::jinja
