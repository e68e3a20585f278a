// From a stretch of plain text to ids: the part in which the three algorithms differ. Made once per
// vocabulary, read-only afterwards.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mote/result.h"
#include "text/tokenizer/added_matcher.h"
#include "text/tokenizer/data.h"

namespace mote::text {

using PieceIndex = std::unordered_map<std::string_view, TokenId>;

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  // Appends the ids of normalized text without added tokens. `first`: it begins the whole text. `mode`
  // matters to vocabularies that find user-defined tokens inside plain text.
  virtual Result<void> encode(std::string_view text, bool first, MatchMode mode,
                              std::vector<TokenId>& out) const = 0;
};

// The data and the index must outlive the encoder. Errors: TOK_VOCAB, TOK_MERGES, TOK_REGEX.
Result<std::unique_ptr<TextEncoder>> make_byte_encoder(const TokenizerData& data, const PieceIndex& index);
Result<std::unique_ptr<TextEncoder>> make_char_encoder(const TokenizerData& data, const PieceIndex& index);
Result<std::unique_ptr<TextEncoder>> make_score_encoder(const TokenizerData& data, const PieceIndex& index);

// Whether a token looks like what a chat template writes ("<tool_call>", "[INST]"): such a token stays text
// in what a user says, whatever its type.
bool looks_like_markup(std::string_view piece);

}  // namespace mote::text
