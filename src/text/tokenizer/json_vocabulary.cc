#include "text/tokenizer/json_vocabulary.h"

#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/special_names.h"

namespace mote::text {
namespace {

Error vocabulary_error(std::string message) {
  return Error{kTokVocab,
               std::move(message),
               "the tokenizer file is damaged: take it from its publisher again",
               {},
               {}};
}

}  // namespace

Result<void> VocabularyBuilder::place(std::string_view token, std::int64_t id) {
  if (id < 0 || id >= std::int64_t{kMaxTokens}) {
    return vocabulary_error("token \"" + escape_untrusted(token, 40) + "\" has id " + std::to_string(id) +
                            ": 0 to 16,777,215 are allowed");
  }
  if (token.empty() || token.size() > kMaxTokenBytes) {
    return vocabulary_error("token " + std::to_string(id) + " has " + std::to_string(token.size()) +
                            " bytes: 1 to 65,536 are allowed");
  }
  const auto narrow = static_cast<TokenId>(id);
  const auto [it, fresh] = by_id_.try_emplace(narrow, token);
  if (!fresh && it->second != token) {
    return vocabulary_error("tokens \"" + escape_untrusted(it->second, 40) + "\" and \"" +
                            escape_untrusted(token, 40) + "\" have the same id " + std::to_string(id));
  }
  const auto [word, new_word] = ids_.try_emplace(std::string(token), narrow);
  if (!new_word && word->second != narrow) {
    return vocabulary_error("token \"" + escape_untrusted(token, 40) + "\" has two ids, " +
                            std::to_string(word->second) + " and " + std::to_string(id));
  }
  highest_ = std::max(highest_, narrow);
  return {};
}

Result<void> VocabularyBuilder::add_object(const Json& vocabulary) {
  const JsonObject* object = vocabulary.if_object();
  if (object == nullptr || object->empty()) {
    return vocabulary_error("the vocabulary is no object of tokens and ids, or an empty one");
  }
  ids_.reserve(object->size());
  by_id_.reserve(object->size());
  for (const auto& [token, value] : *object) {
    const auto id = value.as_int64();
    if (!id || !value.is_integer()) {
      return vocabulary_error("token \"" + escape_untrusted(token, 40) + "\" has no whole number as its id");
    }
    MOTE_TRY(place(token, *id));
  }
  return {};
}

Result<void> VocabularyBuilder::add_added_token(const AddedToken& token, std::string_view content,
                                                bool special) {
  MOTE_TRY(place(content, token.id));
  const bool control = special || is_control_by_name(content);
  if (types_.insert_or_assign(token.id, control ? TokenType::control : TokenType::user_defined).second) {
    added_.push_back(token);
  }
  return {};
}

Result<void> VocabularyBuilder::finish(TokenizerData& data) {
  const std::size_t count = static_cast<std::size_t>(highest_) + 1;
  if (count - by_id_.size() > kMaxIdGaps) {
    return vocabulary_error("the vocabulary has " + std::to_string(by_id_.size()) + " tokens but ids up to " +
                            std::to_string(highest_) + ": at most 65,536 ids may be missing");
  }
  data.pieces.resize(count);
  data.types.assign(count, TokenType::normal);
  for (std::size_t i = 0; i < count; ++i) {
    const auto it = by_id_.find(static_cast<TokenId>(i));
    if (it != by_id_.end()) {
      data.pieces[i] = it->second;
    } else {
      data.pieces[i] = "[PAD" + std::to_string(i) + "]";
      data.types[i] = TokenType::unused;
    }
  }
  for (const auto& [id, type] : types_) data.types[static_cast<std::size_t>(id)] = type;
  data.added = added_;
  return {};
}

std::optional<TokenId> VocabularyBuilder::find(std::string_view token) const {
  const auto it = ids_.find(token);
  return it == ids_.end() ? std::nullopt : std::optional<TokenId>(it->second);
}

Result<void> add_merge(TokenizerData& data, const VocabularyBuilder& vocabulary, std::string_view left,
                       std::string_view right) {
  const auto a = vocabulary.find(left);
  const auto b = vocabulary.find(right);
  const auto merged = vocabulary.find(std::string(left) + std::string(right));
  if (a && b && merged) {
    data.merges.push_back({*a, *b, *merged});
    return {};
  }
  return Error{kTokMerges,
               "merge " + std::to_string(data.merges.size()) + " joins \"" + escape_untrusted(left, 40) +
                   "\" and \"" + escape_untrusted(right, 40) + "\", but " +
                   (!a || !b ? "one of them" : "the result") + " is not in the vocabulary",
               "the tokenizer file is damaged: take it from its publisher again",
               {},
               {}};
}

}  // namespace mote::text
