#include "text/tokenizer/space_escape.h"

#include <algorithm>

#include "base/strings.h"
#include "text/tokenizer/merger.h"

namespace mote::text {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

AlignedText escape_spaces(const AlignedView& source, bool first, const TokenizerData& data) {
  const std::string_view text = source.text;
  if (text.empty()) return {};
  const std::string_view mark = data.literal_space ? std::string_view(" ") : kSpaceMark;
  const bool has_space = text.front() == ' ' || text.starts_with(kSpaceMark);
  const bool prefix = data.space_prefix == SpacePrefix::always ||
                      (data.space_prefix == SpacePrefix::unless_present && !has_space) ||
                      (data.space_prefix == SpacePrefix::first_stretch && first && !has_space);
  Rewriter to(source, source.tracked());
  const bool escape = data.escape_space && !data.literal_space;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t space = escape ? std::min(text.find(' ', i), text.size()) : text.size();
    to.copy(space - i);
    if (space < text.size()) to.put(kSpaceMark, 0);
    i = space + 1;
  }
  AlignedText out = to.finish();
  if (prefix) out.prepend(mark);
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
