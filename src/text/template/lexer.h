// Cuts a template into tokens. Whitespace control is settled here, as Jinja2's own lexer does: `-` strips
// white space up to the neighbouring text, blocks and comments lose the newline after them (trim_blocks) and
// the blanks before them at the start of a line (lstrip_blocks), `+` keeps either, one newline at the end of
// the source is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mote/result.h"

namespace mote::text::jinja {

enum class TokenType : std::uint8_t {
  data,
  block_begin,
  block_end,
  variable_begin,
  variable_end,
  name,
  string,
  integer,
  real,
  symbol,  // operators and brackets; `text` says which
  end,
};

struct Token {
  TokenType type = TokenType::end;
  std::string text;  // data, names, symbols as written; strings with escapes resolved
  std::int64_t integer = 0;
  double real = 0;
  std::size_t offset = 0;  // in the normalised source
};

struct Position {
  std::size_t line = 1;    // from 1
  std::size_t column = 1;  // from 1, in bytes
};
Position position_of(std::string_view source, std::size_t offset);
// " (line 3, column 7)"
std::string describe_position(std::string_view source, std::size_t offset);

// \r\n and \r become \n, and one newline at the end goes.
std::string normalise_newlines(std::string_view source);

// `source` is valid UTF-8 with normalised newlines. Errors: TPL_SYNTAX.
Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace mote::text::jinja
