#include "text/tokenizer/json_vocabulary.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

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

// A decimal number as Hugging Face's reader (serde_json without float_roundtrip) makes a double of it: the
// digits as a whole number, rounded, then one multiplication or division by a power of ten. That may be one
// unit in the last place off, which decides between cuts of equal sums.
double as_reference_reads(double exact) {
  std::array<char, 64> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), exact, std::chars_format::scientific);
  std::uint64_t digits = 0;
  int exponent = 0;
  bool fraction = false;
  const char* at = buffer.data();
  for (; at != end.ptr && *at != 'e'; ++at) {
    if (*at == '.') fraction = true;
    if (*at < '0' || *at > '9') continue;
    digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
    exponent -= fraction ? 1 : 0;
  }
  if (at == end.ptr) return exact;  // infinite or no number
  int written = 0;
  ++at;
  if (*at == '+') ++at;
  std::from_chars(at, end.ptr, written);
  exponent += written;
  const double power = std::pow(10.0, std::abs(exponent));
  if (std::abs(exponent) > 22) return exact;  // beyond exact powers; scores are nowhere near
  const double value = static_cast<double>(digits);
  return std::copysign(exponent < 0 ? value / power : value * power, exact);
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
  if (!fresh && it->second == token) return {};
  if (!fresh) {
    return vocabulary_error("tokens \"" + escape_untrusted(it->second, 40) + "\" and \"" +
                            escape_untrusted(token, 40) + "\" have the same id " + std::to_string(id));
  }
  if (const auto other = ids_.insert(narrow, text_of())) {
    return vocabulary_error("token \"" + escape_untrusted(token, 40) + "\" has two ids, " +
                            std::to_string(*other) + " and " + std::to_string(id));
  }
  highest_ = std::max(highest_, narrow);
  return {};
}

Result<void> VocabularyBuilder::add_object(const Json& vocabulary) {
  const JsonObject* object = vocabulary.if_object();
  if (object == nullptr || object->empty()) {
    return vocabulary_error("the vocabulary is no object of tokens and ids, or an empty one");
  }
  ids_ = IdTable(object->size());
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

Result<void> VocabularyBuilder::add_scored_list(const Json& vocabulary, std::vector<double>& scores) {
  const JsonArray* list = vocabulary.if_array();
  if (list == nullptr || list->empty()) {
    return vocabulary_error("the vocabulary is no list of tokens and scores, or an empty one");
  }
  if (list->size() > kMaxTokens) {
    return vocabulary_error("the vocabulary has " + std::to_string(list->size()) + " tokens: at most " +
                            std::to_string(kMaxTokens) + " are allowed");
  }
  ids_ = IdTable(list->size());
  by_id_.reserve(list->size());
  scores.reserve(list->size());
  for (const Json& item : *list) {
    const JsonArray* pair = item.if_array();
    const std::string* token = pair != nullptr && pair->size() == 2 ? (*pair)[0].if_string() : nullptr;
    const auto score = token != nullptr ? (*pair)[1].as_double() : std::nullopt;
    if (!score) {
      return vocabulary_error("entry " + std::to_string(scores.size()) +
                              " of the vocabulary is no token with a score");
    }
    MOTE_TRY(place(*token, static_cast<std::int64_t>(scores.size())));
    scores.push_back(as_reference_reads(*score));
  }
  return {};
}

Result<void> VocabularyBuilder::add_lines(std::string_view text) {
  std::int64_t id = 0;
  while (!text.empty()) {
    const std::size_t stop = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, stop);
    text.remove_prefix(std::min(stop + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    MOTE_TRY(place(line, id));
    ++id;
  }
  if (id == 0) return vocabulary_error("the vocabulary is empty");
  return {};
}

Result<void> VocabularyBuilder::add_added_token(const AddedToken& token, std::string_view content,
                                                bool special) {
  if (!by_id_.contains(token.id)) outside_.push_back(token.id);
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
  data.outside_model = outside_;
  std::sort(data.outside_model.begin(), data.outside_model.end());
  return {};
}

std::optional<TokenId> VocabularyBuilder::find(std::string_view token) const {
  return ids_.find(token, text_of());
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
