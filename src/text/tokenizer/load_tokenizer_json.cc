// Hugging Face's tokenizer.json: a pipeline of normalizer, pre-tokenizer, model, post-processor and decoder,
// each a tagged object. This file has the models.
#include <algorithm>

#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/gguf_fit.h"
#include "text/tokenizer/json_pipeline.h"
#include "text/tokenizer/json_vocabulary.h"
#include "text/tokenizer/loaders.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/split_catalogue.h"

namespace mote::text {

Error json_unsupported(std::string what) {
  return Error{
      kTokUnsupported,
      "cannot use this tokenizer.json: " + std::move(what) + " is not supported",
      "docs/tokenizers.md lists what is; a GGUF file of the model may have the tokenizer in another form",
      {},
      {}};
}

Error json_malformed(std::string what) {
  return Error{kTokFormat,
               "cannot read tokenizer.json: " + std::move(what),
               "the file is damaged: take it from its publisher again",
               {},
               {}};
}

Error json_too_deep(std::string_view what) {
  return Error{kTokCycle,
               "the " + std::string(what) + " of tokenizer.json nests sequences deeper than 8",
               "the file is damaged or hostile: take it from its publisher again",
               {},
               {}};
}

std::string json_string(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  const std::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : *text;
}

bool json_flag(const Json& object, std::string_view key, bool fallback) {
  const Json* value = object.find(key);
  const bool* flag = value == nullptr ? nullptr : value->if_bool();
  return flag == nullptr ? fallback : *flag;
}

namespace {

Result<void> read_added_tokens(const Json& root, VocabularyBuilder& vocabulary) {
  const Json* value = root.find("added_tokens");
  if (!json_present(value)) return {};
  const JsonArray* list = value->if_array();
  if (list == nullptr) return json_malformed("added_tokens is no list");
  for (const Json& item : *list) {
    const Json* id = item.find("id");
    const auto number = id == nullptr ? std::nullopt : id->as_int64();
    if (!number || *number < 0 || *number > INT32_MAX) return json_malformed("an added token without id");
    const bool special = json_flag(item, "special", false);
    const AddedToken token{.id = static_cast<TokenId>(*number),
                           .lstrip = json_flag(item, "lstrip", false),
                           .rstrip = json_flag(item, "rstrip", false),
                           .single_word = json_flag(item, "single_word", false),
                           .normalized = json_flag(item, "normalized", !special)};
    MOTE_TRY(vocabulary.add_added_token(token, json_string(item, "content"), special));
  }
  return {};
}

Result<void> read_merges(const Json& model, const VocabularyBuilder& vocabulary, TokenizerData& data) {
  const Json* value = model.find("merges");
  const JsonArray* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr) return Error{kTokMerges, "tokenizer.json has no list of merges", {}, {}, {}};
  data.merges.reserve(std::min<std::size_t>(list->size(), 2'000'000));
  for (const Json& item : *list) {
    if (const std::string* text = item.if_string(); text != nullptr) {
      const std::size_t space = text->find(' ', 1);
      if (text->empty() || space == std::string::npos) {
        return Error{
            kTokMerges, "merge \"" + escape_untrusted(*text, 40) + "\" is not two tokens", {}, {}, {}};
      }
      MOTE_TRY(add_merge(data, vocabulary, std::string_view(*text).substr(0, space),
                         std::string_view(*text).substr(space + 1)));
    } else {
      const JsonArray* pair = item.if_array();
      const std::string* left = pair != nullptr && pair->size() == 2 ? (*pair)[0].if_string() : nullptr;
      const std::string* right = left != nullptr ? (*pair)[1].if_string() : nullptr;
      if (right == nullptr) return Error{kTokMerges, "a merge is not two tokens", {}, {}, {}};
      MOTE_TRY(add_merge(data, vocabulary, *left, *right));
    }
  }
  return {};
}

// Files of before 2021 do not name the type of their model.
std::string type_of_model(const Json& model) {
  std::string type = json_string(model, "type");
  if (!type.empty()) return type;
  if (model.find("merges") != nullptr) return "BPE";
  const Json* tokens = model.find("vocab");
  return tokens != nullptr && tokens->if_array() != nullptr ? "Unigram" : "WordPiece";
}

Result<void> check_bpe(const Json& model) {
  if (!json_string(model, "continuing_subword_prefix").empty())
    return json_unsupported("BPE with a subword prefix");
  if (!json_string(model, "end_of_word_suffix").empty()) return json_unsupported("BPE with a word suffix");
  const Json* dropout = model.find("dropout");
  if (json_present(dropout) && dropout->as_double().value_or(1.0) != 0.0)
    return json_unsupported("BPE with dropout");
  return {};
}

void mark_bytes_and_unknown(TokenizerData& data) {
  for (std::size_t i = 0; i < data.pieces.size() && data.byte_fallback; ++i) {
    if (data.types[i] == TokenType::normal && parse_byte_token(data.pieces[i]))
      data.types[i] = TokenType::byte;
  }
  if (data.unk) data.types[static_cast<std::size_t>(*data.unk)] = TokenType::unknown;
}

Result<void> read_bpe(const Json& model, const Json& root, VocabularyBuilder& vocabulary,
                      TokenizerData& data) {
  MOTE_TRY(check_bpe(model));
  MOTE_TRY(vocabulary.add_object(*model.find("vocab")));
  MOTE_TRY(read_added_tokens(root, vocabulary));
  MOTE_TRY(vocabulary.finish(data));
  MOTE_TRY(read_merges(model, vocabulary, data));
  data.ignore_merges = json_flag(model, "ignore_merges", false);
  data.byte_fallback = json_flag(model, "byte_fallback", false);
  data.fuse_unknown = json_flag(model, "fuse_unk", false);
  data.unk = vocabulary.find(json_string(model, "unk_token"));
  return {};
}

Result<void> read_unigram(const Json& model, const Json& root, VocabularyBuilder& vocabulary,
                          TokenizerData& data) {
  data.algorithm = TokenizerAlgorithm::unigram;
  data.unigram_rules = UnigramRules::huggingface;
  MOTE_TRY(vocabulary.add_scored_list(*model.find("vocab"), data.scores));
  const Json* unknown = model.find("unk_id");
  if (json_present(unknown)) {
    const auto id = unknown->as_int64();
    if (!id || *id < 0 || static_cast<std::uint64_t>(*id) >= data.scores.size())
      return json_malformed("an unk_id that is no token's");
    data.unk = static_cast<TokenId>(*id);
  }
  MOTE_TRY(read_added_tokens(root, vocabulary));
  MOTE_TRY(vocabulary.finish(data));
  data.scores.resize(data.pieces.size(), 0.0);
  data.byte_fallback = json_flag(model, "byte_fallback", false);
  data.fuse_unknown = true;
  mark_bytes_and_unknown(data);
  return {};
}

Result<void> read_wordpiece(const Json& model, const Json& root, VocabularyBuilder& vocabulary,
                            TokenizerData& data) {
  data.algorithm = TokenizerAlgorithm::wordpiece;
  MOTE_TRY(vocabulary.add_object(*model.find("vocab")));
  MOTE_TRY(read_added_tokens(root, vocabulary));
  MOTE_TRY(vocabulary.finish(data));
  const Json* prefix = model.find("continuing_subword_prefix");
  if (prefix != nullptr) data.continuation = json_string(model, "continuing_subword_prefix");
  if (const Json* most = model.find("max_input_chars_per_word"); json_present(most)) {
    const auto count = most->as_int64();
    if (!count || *count < 1 || *count > INT32_MAX)
      return json_malformed("a max_input_chars_per_word that is no positive number");
    data.max_word_characters = static_cast<std::uint32_t>(*count);
  }
  data.unk = vocabulary.find(json_string(model, "unk_token"));
  mark_bytes_and_unknown(data);
  return {};
}

// What the ids of a text around the text mean in BERT's kind.
void name_class_and_separator(TokenizerData& data) {
  if (!data.cls && data.prefix.size() == 1) data.cls = data.prefix.front();
  if (!data.sep && data.suffix.size() == 1) data.sep = data.suffix.front();
}

}  // namespace

Result<TokenizerData> read_tokenizer_json(const Json& root) {
  const Json* model = root.find("model");
  if (model == nullptr || model->if_object() == nullptr) return json_malformed("it has no \"model\"");
  if (model->find("vocab") == nullptr) return json_malformed("its model has no \"vocab\"");

  TokenizerData data;
  data.escape_space = false;  // unless a Metaspace says otherwise
  VocabularyBuilder vocabulary;
  const std::string type = type_of_model(*model);
  if (type == "BPE") {
    MOTE_TRY(read_bpe(*model, root, vocabulary, data));
  } else if (type == "Unigram") {
    MOTE_TRY(read_unigram(*model, root, vocabulary, data));
  } else if (type == "WordPiece") {
    MOTE_TRY(read_wordpiece(*model, root, vocabulary, data));
  } else {
    return json_unsupported("model \"" + escape_untrusted(type, 40) + "\"");
  }
  if (const Json* step = root.find("normalizer"); json_present(step))
    MOTE_TRY(read_json_normalizer(*step, data));
  PieceAlphabet alphabet = PieceAlphabet::plain;
  if (const Json* step = root.find("pre_tokenizer"); json_present(step))
    MOTE_TRY(read_json_pre_tokenizer(*step, data, alphabet));
  if (const Json* step = root.find("post_processor"); json_present(step))
    MOTE_TRY(read_json_post_processor(*step, data));
  MOTE_TRY(read_json_decoder(root.find("decoder"), alphabet, data));
  if (data.algorithm == TokenizerAlgorithm::wordpiece) name_class_and_separator(data);
  if (type == "BPE" && alphabet == PieceAlphabet::bytes) {
    data.algorithm = TokenizerAlgorithm::byte_bpe;
    if (data.split_after.empty()) data.pre_name = name_of_split(data.split, data.ignore_merges);
  } else if (alphabet == PieceAlphabet::bytes) {
    return json_unsupported("ByteLevel with a model of type \"" + type + "\"");
  } else {
    if (type == "BPE") {
      data.algorithm = TokenizerAlgorithm::char_bpe;
      mark_bytes_and_unknown(data);
    }
    data.pre_name = "default";
  }
  return data;
}

}  // namespace mote::text
