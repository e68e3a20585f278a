// From a stretch of plain text to ids: the part in which the algorithms differ. Made once per
// vocabulary, read-only afterwards.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "text/tokenizer/added_matcher.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/piece_index.h"
#include "text/tokenizer/token_sink.h"

namespace mote::text {

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  // Hands on the tokens of normalized text without added tokens. `first`: it begins the whole text. `mode`
  // matters to vocabularies that find user-defined tokens inside plain text.
  virtual Result<void> encode(const AlignedView& text, bool first, MatchMode mode, TokenSink& sink) const = 0;
};

// The data and the index must outlive the encoder. Errors: TOK_VOCAB, TOK_MERGES, TOK_REGEX, TOK_FORMAT.
Result<std::unique_ptr<TextEncoder>> make_byte_encoder(const TokenizerData& data, const PieceIndex& index);
Result<std::unique_ptr<TextEncoder>> make_char_encoder(const TokenizerData& data, const PieceIndex& index);
Result<std::unique_ptr<TextEncoder>> make_score_encoder(const TokenizerData& data, const PieceIndex& index);
Result<std::unique_ptr<TextEncoder>> make_unigram_encoder(const TokenizerData& data, const PieceIndex& index);
Result<std::unique_ptr<TextEncoder>> make_wordpiece_encoder(const TokenizerData& data,
                                                            const PieceIndex& index);

// Whether an added token is none of the model's own, so that only the matcher finds it.
inline bool is_outside_model(const TokenizerData& data, TokenId id) {
  return std::binary_search(data.outside_model.begin(), data.outside_model.end(), id);
}

// What text becomes that has no token: the unknown token. None where that is a control token or begins or
// ends a text, because no text may bring such a token about.
inline std::optional<TokenId> stand_in(const TokenizerData& data) {
  if (!data.unk || data.types[static_cast<std::size_t>(*data.unk)] == TokenType::control) return std::nullopt;
  for (const auto& id : {data.bos, data.eos, data.eot, data.eom}) {
    if (id == data.unk) return std::nullopt;
  }
  const auto& ends = data.end_of_generation;
  return std::find(ends.begin(), ends.end(), *data.unk) == ends.end() ? data.unk : std::nullopt;
}

// Whether a token looks like what a chat template writes ("<tool_call>", "[INST]"): such a token stays text
// in what a user says, whatever its type.
bool looks_like_markup(std::string_view piece);

}  // namespace mote::text
