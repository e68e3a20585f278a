// How SentencePiece vocabularies treat spaces: one may be put in front, and each is written "▁" (U+2581).
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizer/aligned_text.h"
#include "text/tokenizer/data.h"

namespace mote::text {

inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

// The text as the vocabulary spells it. `first`: it begins the whole text.
AlignedText escape_spaces(const AlignedView& text, bool first, const TokenizerData& data);
// "▁" back to " ".
void append_unescaped(std::string& out, std::string_view piece);
// Length of the UTF-8 character at `i`; 1 for a bad byte, and then `bad` is set.
std::uint32_t character_length(std::string_view text, std::size_t i, bool& bad);
// The id of "<0xNN>" by byte, kNoToken where the vocabulary has none.
std::vector<TokenId> byte_tokens(const TokenizerData& data);
// Strict: "<0x" two hexadecimal digits ">".
std::optional<std::uint8_t> parse_byte_token(std::string_view piece);

}  // namespace mote::text
