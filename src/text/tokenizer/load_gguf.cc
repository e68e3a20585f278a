// The tokenizer.ggml.* keys of a GGUF file, with llama.cpp's defaults (ggml-org/llama.cpp,
// src/llama-vocab.cpp): ids shall be the same there and here, also where that differs from what the model was
// trained with (Qwen2's NFC has no key, so text is not normalized).
#include <algorithm>

#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/gguf_fit.h"
#include "text/tokenizer/loaders.h"
#include "text/tokenizer/piece_index.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/special_names.h"
#include "text/tokenizer/split_catalogue.h"

namespace mote::text {
namespace {

using formats::Metadata;

Error gguf_error(ErrorCode code, std::string message,
                 std::string hint = "the GGUF file is damaged: convert the model again") {
  return Error{code, std::move(message), std::move(hint), {}, {}};
}

Result<void> read_tokens(const Metadata& metadata, TokenizerData& data) {
  MOTE_ASSIGN(const auto tokens, metadata.get_strings("tokenizer.ggml.tokens"));
  data.pieces.assign(tokens.begin(), tokens.end());
  data.types.assign(tokens.size(), TokenType::normal);
  if (metadata.contains("tokenizer.ggml.token_type")) {
    MOTE_ASSIGN(const auto types, metadata.get_ints("tokenizer.ggml.token_type"));
    if (types.size() != tokens.size()) {
      return gguf_error(kTokVocab, "tokenizer.ggml.token_type has " + std::to_string(types.size()) +
                                       " entries, " + std::to_string(tokens.size()) + " expected");
    }
    for (std::size_t i = 0; i < types.size(); ++i) {
      // 0 and numbers of later versions mean "undefined", which llama.cpp takes for ordinary.
      if (types[i] >= 1 && types[i] <= 6) data.types[i] = static_cast<TokenType>(types[i]);
    }
  }
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    if (data.pieces[i].empty()) {
      data.pieces[i] = "[EMPTY_" + std::to_string(i) + "]";
      data.types[i] = TokenType::unused;
    }
    if (ends_generation_by_name(data.pieces[i])) data.types[i] = TokenType::control;
  }
  return {};
}

Result<void> read_scores(const Metadata& metadata, const std::string& model, TokenizerData& data) {
  const formats::MetaValue* value = metadata.find("tokenizer.ggml.scores");
  if (value == nullptr)
    return gguf_error(kTokVocab,
                      "a tokenizer of model \"" + model + "\" needs tokenizer.ggml.scores, which is missing");
  if (value->element == formats::ValueType::i32) {
    MOTE_ASSIGN(const auto scores, metadata.get_ints("tokenizer.ggml.scores"));
    for (const std::int64_t score : scores) data.scores.push_back(static_cast<double>(score));
  } else {
    MOTE_ASSIGN(const auto scores, metadata.get_floats("tokenizer.ggml.scores"));
    data.scores.assign(scores.begin(), scores.end());
  }
  return {};
}

Result<void> read_merges(const Metadata& metadata, TokenizerData& data) {
  if (!metadata.contains("tokenizer.ggml.merges")) {
    return gguf_error(kTokMerges,
                      "a tokenizer of model \"gpt2\" needs tokenizer.ggml.merges, which is missing");
  }
  MOTE_ASSIGN(const auto merges, metadata.get_strings("tokenizer.ggml.merges"));
  const PieceIndex index(data.pieces);
  const auto find = [&](std::string_view piece) { return index.find(piece).value_or(-1); };
  data.merges.reserve(merges.size());
  std::string whole;
  for (const std::string& merge : merges) {
    const std::size_t space = merge.empty() ? std::string::npos : merge.find(' ', 1);
    if (space == std::string::npos) {
      return gguf_error(kTokMerges, "merge \"" + escape_untrusted(merge, 40) + "\" is not two tokens");
    }
    const std::string_view left = std::string_view(merge).substr(0, space);
    const std::string_view right = std::string_view(merge).substr(space + 1);
    whole.assign(left);
    whole += right;
    const TokenizerData::Merge entry{find(left), find(right), find(whole)};
    if (entry.left < 0 || entry.right < 0 || entry.merged < 0) {
      return gguf_error(kTokMerges, "merge " + std::to_string(data.merges.size()) + " (\"" +
                                        escape_untrusted(merge, 40) +
                                        "\") is of tokens that are not in the vocabulary");
    }
    data.merges.push_back(entry);
  }
  return {};
}

Result<void> read_split(const Metadata& metadata, TokenizerData& data, bool& add_bos) {
  MOTE_ASSIGN(data.pre_name, metadata.get_string_or("tokenizer.ggml.pre", "default"));
  const auto named = split_by_name(data.pre_name);
  if (!named) {
    std::string known;
    for (const std::string_view name : known_split_names()) {
      if (known.find(std::string(name)) == std::string::npos)
        known += (known.empty() ? "" : " ") + std::string(name);
    }
    return gguf_error(kTokPre,
                      "unknown tokenizer.ggml.pre \"" + escape_untrusted(data.pre_name, 40) +
                          "\": nothing else in the file says how its text is split",
                      "name the model's tokenizer.json with --tokenizer; known names: " + known);
  }
  data.split = named->plan;
  data.ignore_merges = named->ignore_merges;
  add_bos = named->add_bos;
  if (named->spelling == Spelling::byte_letters) return {};
  data.algorithm = TokenizerAlgorithm::char_bpe;
  data.whole_line_breaks = named->spelling == Spelling::marked_lines;
  data.byte_fallback = true;
  data.decode_style = DecodeStyle::marked;
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    if (data.types[i] == TokenType::normal && parse_byte_token(data.pieces[i]))
      data.types[i] = TokenType::byte;
  }
  return {};
}

Result<void> read_id(const Metadata& metadata, std::string_view name, std::optional<TokenId>& slot) {
  const std::string key = "tokenizer.ggml." + std::string(name) + "_token_id";
  if (!metadata.contains(key)) return {};
  MOTE_ASSIGN(const std::uint64_t id, metadata.get_uint(key));
  // Some converters write 2^32-1 for "none".
  if (id == UINT32_MAX) return {};
  if (id > INT32_MAX) return gguf_error(kTokVocab, key + " is " + std::to_string(id));
  slot = static_cast<TokenId>(id);
  return {};
}

// Attributes that llama.cpp knows by the model's name: Phi-3 swallows the white space after most special
// tokens.
void apply_model_quirks(std::string_view model_name, TokenizerData& data) {
  const std::string name = to_lower_ascii(model_name);
  if (name.find("phi-3") == std::string::npos && name.find("phi3") == std::string::npos) return;
  for (AddedToken& token : data.added) {
    const std::string& piece = data.pieces[static_cast<std::size_t>(token.id)];
    token.rstrip = piece != "<unk>" && piece != "<s>" && piece != "<|endoftext|>";
  }
}

// Ids that llama.cpp assumes where no key names them; none where the vocabulary has no such id.
std::optional<TokenId> usual_id(const TokenizerData& data, TokenId id) {
  return static_cast<std::size_t>(id) < data.pieces.size() ? std::optional<TokenId>(id) : std::nullopt;
}

Result<void> read_llama(const Metadata& metadata, TokenizerData& data) {
  data.algorithm = TokenizerAlgorithm::score_bpe;
  MOTE_TRY(read_tokens(metadata, data));
  MOTE_TRY(read_scores(metadata, "llama", data));
  MOTE_ASSIGN(const bool prefix, metadata.get_bool_or("tokenizer.ggml.add_space_prefix", true));
  data.space_prefix = prefix ? SpacePrefix::always : SpacePrefix::never;
  data.decode_style = DecodeStyle::marked;
  data.strip_first_space = prefix;
  data.byte_fallback = true;
  data.fuse_unknown = true;
  data.pre_name = "default";
  data.unk = usual_id(data, 0);
  data.bos = usual_id(data, 1);
  data.eos = usual_id(data, 2);
  return {};
}

Result<void> read_t5(const Metadata& metadata, TokenizerData& data) {
  data.algorithm = TokenizerAlgorithm::unigram;
  data.unigram_rules = UnigramRules::llama_cpp;
  data.sentence_normalizer = true;
  MOTE_TRY(read_tokens(metadata, data));
  MOTE_TRY(read_scores(metadata, "t5", data));
  MOTE_ASSIGN(const bool prefix, metadata.get_bool_or("tokenizer.ggml.add_space_prefix", false));
  data.space_prefix = prefix ? SpacePrefix::always : SpacePrefix::never;
  MOTE_ASSIGN(data.remove_extra_whitespaces,
              metadata.get_bool_or("tokenizer.ggml.remove_extra_whitespaces", false));
  if (metadata.contains("tokenizer.ggml.precompiled_charsmap")) {
    MOTE_ASSIGN(const auto bytes, metadata.get_ints("tokenizer.ggml.precompiled_charsmap"));
    data.charsmap.reserve(bytes.size());
    for (const std::int64_t byte : bytes) {
      if (byte < -128 || byte > 255)
        return gguf_error(kTokFormat, "tokenizer.ggml.precompiled_charsmap is no list of bytes");
      data.charsmap.push_back(static_cast<char>(static_cast<unsigned char>(byte & 0xFF)));
    }
  }
  data.fuse_unknown = true;
  data.decode_style = DecodeStyle::marked;
  data.strip_first_space = prefix || data.remove_extra_whitespaces;
  data.pre_name = "default";
  data.eos = usual_id(data, 1);
  data.unk = usual_id(data, 2);
  data.pad = usual_id(data, 0);
  return {};
}

// BERT's vocabulary. Its text is cleaned as llama.cpp does it, whose marks (\p{M}) and lower case are a
// little wider than BERT's own.
Result<void> read_bert(const Metadata& metadata, TokenizerData& data) {
  data.algorithm = TokenizerAlgorithm::wordpiece;
  data.phantom_space = true;
  data.continuation.clear();
  data.max_word_characters = 0;
  data.escape_space = false;
  MOTE_TRY(read_tokens(metadata, data));
  MOTE_ASSIGN(const bool lower, metadata.get_bool_or("tokenizer.ggml.normalizer.lowercase", true));
  MOTE_ASSIGN(const bool strip, metadata.get_bool_or("tokenizer.ggml.normalizer.strip_accents", lower));
  if (strip) data.normalizer.push_back({.kind = NormalizerKind::unicode_form, .form = UnicodeForm::nfd});
  data.normalizer.push_back({.kind = NormalizerKind::clean_controls});
  data.normalizer.push_back({.kind = NormalizerKind::space_cjk});
  if (strip) data.normalizer.push_back({.kind = NormalizerKind::strip_marks});
  if (lower) data.normalizer.push_back({.kind = NormalizerKind::lowercase});
  data.split = {{.kind = SplitKind::space, .behavior = SplitBehavior::removed},
                {.kind = SplitKind::punctuation}};
  data.decode_style = DecodeStyle::wordpiece;
  data.strip_first_space = true;
  data.clean_up_spaces = true;
  MOTE_ASSIGN(data.pre_name, metadata.get_string_or("tokenizer.ggml.pre", "default"));
  data.cls = usual_id(data, 101);
  data.unk = usual_id(data, 100);
  data.sep = usual_id(data, 102);
  data.pad = usual_id(data, 0);
  data.mask = usual_id(data, 103);
  MOTE_TRY(read_id(metadata, "cls", data.cls));
  MOTE_TRY(read_id(metadata, "seperator", data.sep));  // the key's own spelling
  MOTE_TRY(read_id(metadata, "mask", data.mask));
  data.bos = data.cls;
  return {};
}

void match_special_tokens(TokenizerData& data) {
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    const TokenType type = data.types[i];
    const bool matched =
        type == TokenType::control || type == TokenType::unknown || type == TokenType::user_defined;
    if (matched) data.added.push_back(AddedToken{.id = static_cast<TokenId>(i)});
  }
}

// A file whose keys cannot say what the tokenizer does has tokenizer.json inside.
Result<TokenizerData> read_json_key(const Metadata& metadata) {
  MOTE_ASSIGN(const std::string source, metadata.get_string(kHuggingFaceJsonKey));
  MOTE_ASSIGN(const Json root, parse_json(source));
  MOTE_ASSIGN(TokenizerData data, read_tokenizer_json(root));
  data.source_json = source;
  MOTE_ASSIGN(data.pre_name, metadata.get_string_or("tokenizer.ggml.pre", ""));
  if (data.pre_name.starts_with(kUnnamedPre)) data.pre_name.clear();
  // A vocabulary that was filled up to the rows of the model keeps the ids that fill it.
  MOTE_ASSIGN(const auto tokens, metadata.get_strings("tokenizer.ggml.tokens"));
  for (std::size_t i = data.pieces.size(); i < tokens.size(); ++i) {
    data.pieces.push_back(tokens[i]);
    data.types.push_back(TokenType::unused);
    if (!data.scores.empty()) data.scores.push_back(0.0);
  }
  return data;
}

}  // namespace

Result<TokenizerData> read_gguf_keys(const Metadata& metadata) {
  if (!metadata.contains("tokenizer.ggml.model") || !metadata.contains("tokenizer.ggml.tokens")) {
    return gguf_error(kTokMissing, "the GGUF file has no tokenizer (tokenizer.ggml.model and .tokens)",
                      "name one with --tokenizer");
  }
  MOTE_ASSIGN(const std::string model, metadata.get_string("tokenizer.ggml.model"));
  MOTE_ASSIGN(const std::string pre, metadata.get_string_or("tokenizer.ggml.pre", "default"));
  TokenizerData data;
  bool add_bos = false;
  bool add_eos = false;
  const bool by_json = metadata.contains(kHuggingFaceJsonKey) &&
                       (model == kJsonOnlyModel || (model == "gpt2" && !split_by_name(pre)));
  if (by_json) {
    MOTE_ASSIGN(data, read_json_key(metadata));
    add_bos = !data.prefix.empty();
    add_eos = !data.suffix.empty();
  } else if (model == "gpt2") {
    data.algorithm = TokenizerAlgorithm::byte_bpe;
    MOTE_TRY(read_tokens(metadata, data));
    MOTE_TRY(read_merges(metadata, data));
    MOTE_TRY(read_split(metadata, data, add_bos));
  } else if (model == "llama") {
    MOTE_TRY(read_llama(metadata, data));
    add_bos = true;
  } else if (model == "t5") {
    MOTE_TRY(read_t5(metadata, data));
    add_eos = true;
  } else if (model == "bert") {
    MOTE_TRY(read_bert(metadata, data));
  } else {
    return gguf_error(kTokUnsupported, "unknown tokenizer.ggml.model \"" + escape_untrusted(model, 40) + "\"",
                      "supported: gpt2 (byte-level BPE), llama (SentencePiece BPE), t5 (unigram), bert "
                      "(WordPiece)");
  }
  MOTE_TRY(read_id(metadata, "bos", data.bos));
  MOTE_TRY(read_id(metadata, "eos", data.eos));
  MOTE_TRY(read_id(metadata, "unknown", data.unk));
  MOTE_TRY(read_id(metadata, "padding", data.pad));
  // Converters make BERT's [UNK] a control token like its other special tokens.
  if (model == "bert" && data.unk && static_cast<std::size_t>(*data.unk) < data.types.size())
    data.types[static_cast<std::size_t>(*data.unk)] = TokenType::unknown;
  MOTE_TRY(read_id(metadata, "eot", data.eot));
  MOTE_TRY(read_id(metadata, "eom", data.eom));
  if (!by_json) {
    // Gemma 4's files say that none is wanted, and mean one (llama.cpp sets it as well).
    if (!data.whole_line_breaks) {
      MOTE_ASSIGN(add_bos, metadata.get_bool_or("tokenizer.ggml.add_bos_token", add_bos));
    }
    MOTE_ASSIGN(add_eos, metadata.get_bool_or("tokenizer.ggml.add_eos_token", add_eos));
    if (model == "bert") {
      // Both are put around the text whatever the keys say.
      if (data.bos) data.prefix = {*data.bos};
      if (data.sep) data.suffix = {*data.sep};
    } else {
      if (add_bos && data.bos) data.prefix = {*data.bos};
      if (add_eos && data.eos) data.suffix = {*data.eos};
    }
    match_special_tokens(data);
  }
  MOTE_ASSIGN(const std::string name, metadata.get_string_or("general.name", ""));
  apply_model_quirks(name, data);
  MOTE_ASSIGN(data.chat_template, metadata.get_string_or("tokenizer.chat_template", ""));
  return data;
}

}  // namespace mote::text
