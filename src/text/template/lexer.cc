#include "text/template/lexer.h"

#include <array>
#include <charconv>
#include <utility>

#include "base/strings.h"
#include "text/template/template_errors.h"
#include "text/template/unicode.h"

namespace mote::text::jinja {
namespace {

constexpr std::array<std::string_view, 26> kSymbols{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                    "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                    ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_ascii_digit(c) || c == '_';
}
int hex_digit(char c) {
  if (is_ascii_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) MOTE_TRY(text());
    push(TokenType::end, source_.size());
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] Error fail(std::size_t offset, const std::string& what) const {
    return {kTplSyntax, "cannot read chat template: " + what + describe_position(source_, offset),
            "the template is not valid Jinja; try another one with `mote render --template`", "",
            std::nullopt};
  }
  [[nodiscard]] bool starts(std::string_view what) const { return source_.substr(at_).starts_with(what); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return ahead < source_.size() - at_ ? source_[at_ + ahead] : '\0';
  }

  Token& push(TokenType type, std::size_t offset) {
    tokens_.push_back({});
    tokens_.back().type = type;
    tokens_.back().offset = offset;
    return tokens_.back();
  }

  void push_data(std::size_t begin, std::size_t end) {
    if (begin == end) return;
    push(TokenType::data, begin).text = source_.substr(begin, end - begin);
  }

  void skip_space() {
    while (at_ < source_.size()) {
      std::size_t next = at_;
      if (!is_python_space(next_code_point(source_, next))) return;
      at_ = next;
    }
  }

  // Where the text [begin, tag) ends once the sign after the tag and lstrip_blocks had their say.
  [[nodiscard]] std::size_t text_end(std::size_t begin, std::size_t tag, char sign, bool is_variable) const {
    const std::string_view text = source_.substr(begin, tag - begin);
    if (sign == '-') return begin + strip_range(text, false, true, nullptr).end;
    if (sign == '+' || is_variable) return tag;
    const std::size_t newline = text.rfind('\n');
    const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    if (line == 0 && !line_starting_) return tag;
    const ByteRange rest = strip_range(text.substr(line), true, false, nullptr);
    return rest.begin == rest.end ? begin + line : tag;
  }

  // Plain text up to the next tag, then that tag.
  Result<void> text() {
    const std::size_t begin = at_;
    std::size_t tag = begin;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 == source_.size()) {
        push_data(begin, source_.size());
        at_ = source_.size();
        return {};
      }
      const char c = source_[tag + 1];
      if (c == '%' || c == '{' || c == '#') break;
    }
    const char kind = source_[tag + 1];
    at_ = tag + 2;
    const char sign = peek() == '-' || peek() == '+' ? peek() : '\0';
    if (sign != '\0') ++at_;
    push_data(begin, text_end(begin, tag, sign, kind == '{'));
    if (kind == '#') return comment(tag);
    if (kind == '%' && is_raw()) return raw(tag);
    push(kind == '%' ? TokenType::block_begin : TokenType::variable_begin, tag);
    return expression(tag, kind == '%');
  }

  // What may follow at the end of a block, comment or endraw: its sign, "%}" and the white space it takes
  // along.
  bool block_end(std::string_view mark) {
    if (peek() == '-' && source_.substr(at_ + 1).starts_with(mark)) {
      at_ += 1 + mark.size();
      skip_space();
    } else if (peek() == '+' && source_.substr(at_ + 1).starts_with(mark)) {
      at_ += 1 + mark.size();
    } else if (starts(mark)) {
      at_ += mark.size();
      if (peek() == '\n') ++at_;
    } else {
      return false;
    }
    line_starting_ = source_[at_ - 1] == '\n';
    return true;
  }

  Result<void> comment(std::size_t tag) {
    const std::size_t close = source_.find("#}", at_);
    if (close == std::string_view::npos) return fail(tag, "comment without #}");
    // The sign belongs to the end only where it stands inside the comment.
    const bool has_sign = close > at_ && (source_[close - 1] == '-' || source_[close - 1] == '+');
    at_ = has_sign ? close - 1 : close;
    block_end("#}");
    return {};
  }

  // At "raw %}" after the opening of a block; moves past it where so.
  bool is_raw() {
    const std::size_t start = at_;
    skip_space();
    if (starts("raw")) {
      at_ += 3;
      skip_space();
      if (starts("-%}")) {
        at_ += 3;
        skip_space();
        return true;
      }
      if (starts("%}")) {
        at_ += 2;
        return true;
      }
    }
    at_ = start;
    return false;
  }

  Result<void> raw(std::size_t tag) {
    line_starting_ = source_[at_ - 1] == '\n';
    const std::size_t begin = at_;
    if (begin == source_.size()) return {};  // Jinja2 lets a raw block without text end the template
    for (std::size_t close = source_.find("{%", begin); close != std::string_view::npos;
         close = source_.find("{%", close + 2)) {
      at_ = close + 2;
      const char sign = peek() == '-' || peek() == '+' ? peek() : '\0';
      if (sign != '\0') ++at_;
      skip_space();
      if (!starts("endraw")) continue;
      at_ += 6;
      skip_space();
      const bool was_starting = line_starting_;
      if (!block_end("%}")) continue;
      const bool now_starting = std::exchange(line_starting_, was_starting);
      push_data(begin, text_end(begin, close, sign, false));
      line_starting_ = now_starting;
      return {};
    }
    return fail(tag, "raw block without endraw");
  }

  // The inside of a block or variable tag, up to its end.
  Result<void> expression(std::size_t tag, bool is_block) {
    std::string open;  // brackets that wait for their partner
    for (;;) {
      skip_space();
      if (at_ >= source_.size()) return fail(tag, is_block ? "block without %}" : "expression without }}");
      if (open.empty() && tag_end(is_block)) return {};
      const std::size_t start = at_;
      const char c = peek();
      if (is_ascii_digit(c)) {
        MOTE_TRY(number());
      } else if (name_char_size() > 0) {
        while (const std::size_t size = name_char_size()) at_ += size;
        push(TokenType::name, start).text = source_.substr(start, at_ - start);
      } else if (c == '"' || c == '\'') {
        MOTE_TRY(string());
      } else {
        MOTE_TRY(symbol(open));
      }
    }
  }

  // Bytes of the letter, digit or underscore here; 0 where there is something else.
  [[nodiscard]] std::size_t name_char_size() const {
    if (at_ >= source_.size()) return 0;
    if (static_cast<unsigned char>(peek()) < 0x80) return is_name_char(peek()) ? 1 : 0;
    std::size_t next = at_;
    const char32_t c = next_code_point(source_, next);
    return is_alpha(c) || is_digit(c) ? next - at_ : 0;
  }

  bool tag_end(bool is_block) {
    const std::size_t start = at_;
    if (is_block) {
      if (!block_end("%}")) return false;
      push(TokenType::block_end, start);
      return true;
    }
    if (starts("-}}")) {
      at_ += 3;
      skip_space();
    } else if (starts("}}")) {
      at_ += 2;
    } else {
      return false;
    }
    line_starting_ = source_[at_ - 1] == '\n';
    push(TokenType::variable_end, start);
    return true;
  }

  Result<void> symbol(std::string& open) {
    for (const std::string_view symbol : kSymbols) {
      if (!starts(symbol)) continue;
      if (symbol == "(" || symbol == "[" || symbol == "{") {
        open.push_back(symbol == "(" ? ')' : symbol == "[" ? ']' : '}');
      } else if (symbol == ")" || symbol == "]" || symbol == "}") {
        if (open.empty()) return fail(at_, "unexpected '" + std::string(symbol) + "'");
        if (open.back() != symbol[0]) {
          return fail(at_, "unexpected '" + std::string(symbol) + "', expected '" + open.back() + "'");
        }
        open.pop_back();
      }
      push(TokenType::symbol, at_).text = symbol;
      at_ += symbol.size();
      return {};
    }
    return fail(at_, "unexpected character '" + escape_untrusted(source_.substr(at_, 1)) + "'");
  }

  // Digits with single underscores between them, appended to `digits`. False where there is none.
  bool digits_of(int base, std::string& digits) {
    const auto is_digit_here = [&](char c) { return hex_digit(c) >= 0 && hex_digit(c) < base; };
    bool any = false;
    while (at_ < source_.size()) {
      if (is_digit_here(peek())) {
        digits.push_back(peek());
        ++at_;
        any = true;
      } else if (any && peek() == '_' && is_digit_here(peek(1))) {
        ++at_;
      } else {
        break;
      }
    }
    return any;
  }

  Result<void> number() {
    const std::size_t start = at_;
    std::string digits;
    int base = 10;
    const char second = static_cast<char>(peek(1) | 0x20);
    if (peek() == '0' && (second == 'x' || second == 'o' || second == 'b')) {
      base = second == 'x' ? 16 : second == 'o' ? 8 : 2;
      at_ += 2;
      if (peek() == '_') ++at_;
      if (!digits_of(base, digits)) return fail(start, "number without digits");
      return integer(start, digits, base);
    }
    digits_of(10, digits);
    const bool after_dot = start > 0 && source_[start - 1] == '.';
    bool is_real = false;
    if (!after_dot && peek() == '.' && is_ascii_digit(peek(1))) {
      ++at_;
      digits.push_back('.');
      digits_of(10, digits);
      is_real = true;
    }
    if (!after_dot && (peek() == 'e' || peek() == 'E')) {
      const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
      if (is_ascii_digit(peek(1 + sign))) {
        digits.push_back('e');
        if (peek(1) == '-') digits.push_back('-');
        at_ += 1 + sign;
        digits_of(10, digits);
        is_real = true;
      }
    }
    if (!is_real) {
      if (digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos) {
        return fail(start, "number " + digits + " with leading zeros");
      }
      return integer(start, digits, 10);
    }
    const auto value = parse_double(digits);
    if (!value) return fail(start, "number " + escape_untrusted(digits, 40) + " out of range");
    push(TokenType::real, start).real = *value;
    return {};
  }

  Result<void> integer(std::size_t start, const std::string& digits, int base) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || end != digits.data() + digits.size()) {
      return fail(start, "integer " + escape_untrusted(digits, 40) + " needs more than 64 bits");
    }
    push(TokenType::integer, start).integer = value;
    return {};
  }

  Result<void> string() {
    const std::size_t start = at_;
    const char quote = source_[at_++];
    std::string value;
    while (at_ < source_.size() && source_[at_] != quote) {
      if (source_[at_] == '\\' && at_ + 1 < source_.size()) {
        MOTE_TRY(escape(value));
      } else {
        value.push_back(source_[at_++]);
      }
    }
    if (at_ >= source_.size()) return fail(start, "string without closing quote");
    ++at_;
    push(TokenType::string, start).text = std::move(value);
    return {};
  }

  // Python's escapes. An unknown one stays as it is, backslash included.
  Result<void> escape(std::string& value) {
    const std::size_t start = at_;
    const char c = source_[at_ + 1];
    at_ += 2;
    constexpr std::string_view kNames = "\\'\"abfnrtv";
    constexpr std::string_view kValues = "\\'\"\a\b\f\n\r\t\v";
    if (const std::size_t found = kNames.find(c); found != std::string_view::npos) {
      value.push_back(kValues[found]);
      return {};
    }
    if (c == '\n') return {};
    if (c >= '0' && c <= '7') {
      char32_t code = static_cast<char32_t>(c - '0');
      for (int i = 0; i < 2 && peek() >= '0' && peek() <= '7'; ++i) {
        code = code * 8 + static_cast<char32_t>(source_[at_++] - '0');
      }
      append_utf8(value, code);
      return {};
    }
    if (c == 'N') return fail(start, "\\N{...} escape, which is not supported");
    if (c != 'x' && c != 'u' && c != 'U') {
      value.push_back('\\');
      value.push_back(c);
      return {};
    }
    const int count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    char32_t code = 0;
    for (int i = 0; i < count; ++i) {
      const int digit = hex_digit(peek());
      if (digit < 0) return fail(start, "truncated \\" + std::string(1, c) + " escape");
      code = code * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return fail(start, "escape of no character");
    append_utf8(value, code);
    return {};
  }

  std::string_view source_;
  std::size_t at_ = 0;
  bool line_starting_ = true;  // the last tag ended with a newline, or there was none
  std::vector<Token> tokens_;
};

}  // namespace

Position position_of(std::string_view source, std::size_t offset) {
  Position position;
  for (const char c : source.substr(0, offset)) {
    position.column = c == '\n' ? 1 : position.column + 1;
    position.line += c == '\n' ? 1U : 0U;
  }
  return position;
}

std::string describe_position(std::string_view source, std::size_t offset) {
  const Position at = position_of(source, offset);
  return " (line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ")";
}

std::string normalise_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out.push_back(source[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

Result<std::vector<Token>> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace mote::text::jinja
