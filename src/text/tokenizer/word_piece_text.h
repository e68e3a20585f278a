// WordPiece tokens back to text, as Hugging Face's decoder "WordPiece" joins them.
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizer/data.h"

namespace mote::text {

// Appends the token: a space before it unless it continues a word; with `clean_up_spaces` none before
// punctuation and English contractions. The caller drops the space of the first token.
void append_word_piece(std::string& out, std::string_view piece, TokenType type, const TokenizerData& data);

}  // namespace mote::text
