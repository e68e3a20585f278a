// Small text helpers that more than one module needs.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mote {

// Whole-string decimal parsing; nothing on sign where unsigned, spaces, trailing text or overflow.
std::optional<std::uint64_t> parse_uint64(std::string_view text);
std::optional<std::int64_t> parse_int64(std::string_view text);
std::optional<double> parse_double(std::string_view text);

// "1,234,567" and "512 MiB".
std::string with_thousands(std::uint64_t value);
std::string human_bytes(std::uint64_t bytes);

// The candidates nearest to `word` by edit distance (at most a third of its length, best first, at most
// three).
std::vector<std::string> nearest(std::string_view word, std::span<const std::string_view> candidates);

std::string join(std::span<const std::string> parts, std::string_view separator);
std::string to_lower_ascii(std::string_view text);
bool is_valid_utf8(std::string_view text);
// Where the valid UTF-8 that begins at `from` ends: at a bad byte, or at the end of the text.
std::size_t valid_utf8_end(std::string_view text, std::size_t from = 0);

// Reads one code point at `position` and moves past it. Invalid bytes give U+FFFD and move by one byte.
char32_t next_code_point(std::string_view text, std::size_t& position);
void append_utf8(std::string& out, char32_t code_point);
// The text without control characters (C0 but tab and line feed, DEL, C1) and with U+FFFD for what is not
// UTF-8: fit for a terminal, whoever wrote it. Not for names and messages, see escape_untrusted.
std::string without_controls(std::string_view text);

}  // namespace mote
