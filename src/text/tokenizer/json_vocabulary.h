// What tokenizer.json and vocab.json + merges.txt share: a vocabulary as an object, merges as text, added
// tokens.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/json.h"
#include "mote/result.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/id_table.h"

namespace mote::text {

class VocabularyBuilder {
 public:
  // {"token": id, ...}. TOK_VOCAB: no object, equal ids, ids that are no small whole numbers, empty or
  // oversized tokens.
  Result<void> add_object(const Json& vocabulary);
  // [["token", score], ...] with the position as id. TOK_VOCAB as above, or a score that is no number.
  Result<void> add_scored_list(const Json& vocabulary, std::vector<double>& scores);
  // One token a line with the number of the line as id.
  Result<void> add_lines(std::string_view text);
  // Makes the token an added one: `special` ones become control tokens, the others user-defined.
  Result<void> add_added_token(const AddedToken& token, std::string_view content, bool special);
  // Fills gaps and hands the lists to `data`. TOK_VOCAB where the gaps are too many.
  Result<void> finish(TokenizerData& data);

  [[nodiscard]] std::optional<TokenId> find(std::string_view token) const;

 private:
  Result<void> place(std::string_view token, std::int64_t id);
  [[nodiscard]] auto text_of() const {
    return [this](TokenId id) -> std::string_view { return by_id_.find(id)->second; };
  }

  std::unordered_map<TokenId, std::string> by_id_;
  IdTable ids_;
  std::unordered_map<TokenId, TokenType> types_;
  std::vector<AddedToken> added_;
  std::vector<TokenId> outside_;  // added tokens that no vocabulary had
  TokenId highest_ = -1;
};

// Appends the merge "left right" of two tokens whose concatenation is a token. TOK_MERGES where one is none.
Result<void> add_merge(TokenizerData& data, const VocabularyBuilder& vocabulary, std::string_view left,
                       std::string_view right);

}  // namespace mote::text
