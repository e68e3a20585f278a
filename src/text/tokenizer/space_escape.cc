#include "text/tokenizer/space_escape.h"

#include "base/strings.h"
#include "text/tokenizer/merger.h"

namespace mote::text {
namespace {

// SentencePiece's remove_extra_whitespaces: none at the ends, single ones between.
std::string collapse_spaces(std::string_view text) {
  std::string out;
  bool pending = false;
  for (const char c : text) {
    if (c == ' ') {
      pending = !out.empty();
    } else {
      if (pending) out.push_back(' ');
      pending = false;
      out.push_back(c);
    }
  }
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string escape_spaces(std::string_view text, bool first, const TokenizerData& data) {
  std::string collapsed;
  if (data.remove_extra_whitespaces) {
    collapsed = collapse_spaces(text);
    text = collapsed;
  }
  std::string out;
  if (text.empty()) return out;
  out.reserve(text.size() + text.size() / 2 + 3);
  const std::string_view mark = data.literal_space ? std::string_view(" ") : kSpaceMark;
  const bool has_space = text.front() == ' ' || text.starts_with(kSpaceMark);
  switch (data.space_prefix) {
    case SpacePrefix::never:
      break;
    case SpacePrefix::always:
      out += mark;
      break;
    case SpacePrefix::unless_present:
      if (!has_space) out += mark;
      break;
    case SpacePrefix::first_stretch:
      if (first && !has_space) out += mark;
      break;
  }
  if (!data.escape_space || data.literal_space) {
    out += text;
  } else {
    for (const char c : text) {
      if (c == ' ') {
        out += kSpaceMark;
      } else {
        out.push_back(c);
      }
    }
  }
  // SentencePiece strips the end after escaping, so marks that stood in the text go as well, and the prefix
  // with them.
  while (data.remove_extra_whitespaces && out.ends_with(mark)) out.resize(out.size() - mark.size());
  return out;
}

void append_unescaped(std::string& out, std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t hit = piece.find(kSpaceMark);
    out += piece.substr(0, hit);
    if (hit == std::string_view::npos) return;
    out.push_back(' ');
    piece.remove_prefix(hit + kSpaceMark.size());
  }
}

std::uint32_t character_length(std::string_view text, std::size_t i, bool& bad) {
  std::size_t next = i;
  const char32_t c = next_code_point(text, next);
  bad = c == 0xFFFD && next - i == 1;
  return static_cast<std::uint32_t>(next - i);
}

std::optional<std::uint8_t> parse_byte_token(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  const int high = hex_digit(piece[3]);
  const int low = hex_digit(piece[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<std::uint8_t>(high * 16 + low);
}

std::vector<TokenId> byte_tokens(const TokenizerData& data) {
  std::vector<TokenId> ids(256, kNoToken);
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    if (data.types[i] != TokenType::byte) continue;
    if (const auto byte = parse_byte_token(data.pieces[i]); byte && ids[*byte] == kNoToken) {
      ids[*byte] = static_cast<TokenId>(i);
    }
  }
  return ids;
}

}  // namespace mote::text
