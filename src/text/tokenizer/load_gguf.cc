// The tokenizer.ggml.* keys of a GGUF file, with llama.cpp's defaults (ggml-org/llama.cpp,
// src/llama-vocab.cpp): ids shall be the same there and here, also where that differs from what the model was
// trained with (Qwen2's NFC has no key, so text is not normalized).
#include <algorithm>

#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/loaders.h"
#include "text/tokenizer/special_names.h"
#include "text/tokenizer/split_catalogue.h"
#include "text/tokenizer/text_encoder.h"

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

Result<void> read_scores(const Metadata& metadata, TokenizerData& data) {
  const formats::MetaValue* value = metadata.find("tokenizer.ggml.scores");
  if (value == nullptr)
    return gguf_error(kTokVocab,
                      "a tokenizer of model \"llama\" needs tokenizer.ggml.scores, which is missing");
  if (value->element == formats::ValueType::i32) {
    MOTE_ASSIGN(const auto scores, metadata.get_ints("tokenizer.ggml.scores"));
    for (const std::int64_t score : scores) data.scores.push_back(static_cast<float>(score));
  } else {
    MOTE_ASSIGN(const auto scores, metadata.get_floats("tokenizer.ggml.scores"));
    for (const double score : scores) data.scores.push_back(static_cast<float>(score));
  }
  return {};
}

Result<void> read_merges(const Metadata& metadata, TokenizerData& data) {
  if (!metadata.contains("tokenizer.ggml.merges")) {
    return gguf_error(kTokMerges,
                      "a tokenizer of model \"gpt2\" needs tokenizer.ggml.merges, which is missing");
  }
  MOTE_ASSIGN(const auto merges, metadata.get_strings("tokenizer.ggml.merges"));
  PieceIndex index;
  index.reserve(data.pieces.size());
  for (std::size_t i = 0; i < data.pieces.size(); ++i)
    index.try_emplace(data.pieces[i], static_cast<TokenId>(i));
  const auto find = [&](std::string_view piece) {
    const auto it = index.find(piece);
    return it == index.end() ? TokenId{-1} : it->second;
  };
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
    return gguf_error(kTokPre, "unknown tokenizer.ggml.pre \"" + escape_untrusted(data.pre_name, 40) + "\"",
                      "known: " + known);
  }
  data.split = named->plan;
  data.ignore_merges = named->ignore_merges;
  add_bos = named->add_bos;
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

}  // namespace

Result<TokenizerData> read_gguf_keys(const Metadata& metadata) {
  if (!metadata.contains("tokenizer.ggml.model") || !metadata.contains("tokenizer.ggml.tokens")) {
    return gguf_error(kTokMissing, "the GGUF file has no tokenizer (tokenizer.ggml.model and .tokens)",
                      "name one with --tokenizer");
  }
  MOTE_ASSIGN(const std::string model, metadata.get_string("tokenizer.ggml.model"));
  TokenizerData data;
  bool add_bos = false;
  if (model == "gpt2") {
    data.algorithm = TokenizerAlgorithm::byte_bpe;
    MOTE_TRY(read_tokens(metadata, data));
    MOTE_TRY(read_merges(metadata, data));
    MOTE_TRY(read_split(metadata, data, add_bos));
  } else if (model == "llama") {
    data.algorithm = TokenizerAlgorithm::score_bpe;
    MOTE_TRY(read_tokens(metadata, data));
    MOTE_TRY(read_scores(metadata, data));
    MOTE_ASSIGN(const bool prefix, metadata.get_bool_or("tokenizer.ggml.add_space_prefix", true));
    data.space_prefix = prefix ? SpacePrefix::always : SpacePrefix::never;
    data.byte_fallback = true;
    data.fuse_unknown = true;
    data.pre_name = "default";
    add_bos = true;
    const auto fallback = [&](TokenId id) {
      return static_cast<std::size_t>(id) < data.pieces.size() ? std::optional<TokenId>(id) : std::nullopt;
    };
    data.unk = fallback(0);
    data.bos = fallback(1);
    data.eos = fallback(2);
  } else {
    return gguf_error(kTokUnsupported, "unknown tokenizer.ggml.model \"" + escape_untrusted(model, 40) + "\"",
                      "supported: gpt2 (byte-level BPE), llama (SentencePiece BPE)");
  }
  MOTE_TRY(read_id(metadata, "bos", data.bos));
  MOTE_TRY(read_id(metadata, "eos", data.eos));
  MOTE_TRY(read_id(metadata, "unknown", data.unk));
  MOTE_TRY(read_id(metadata, "padding", data.pad));
  MOTE_TRY(read_id(metadata, "eot", data.eot));
  MOTE_TRY(read_id(metadata, "eom", data.eom));
  MOTE_ASSIGN(add_bos, metadata.get_bool_or("tokenizer.ggml.add_bos_token", add_bos));
  MOTE_ASSIGN(const bool add_eos, metadata.get_bool_or("tokenizer.ggml.add_eos_token", false));
  if (add_bos && data.bos) data.prefix = {*data.bos};
  if (add_eos && data.eos) data.suffix = {*data.eos};
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    const TokenType type = data.types[i];
    const bool matched =
        type == TokenType::control || type == TokenType::unknown || type == TokenType::user_defined;
    if (matched) data.added.push_back(AddedToken{.id = static_cast<TokenId>(i)});
  }
  MOTE_ASSIGN(const std::string name, metadata.get_string_or("general.name", ""));
  apply_model_quirks(name, data);
  MOTE_ASSIGN(data.chat_template, metadata.get_string_or("tokenizer.chat_template", ""));
  return data;
}

}  // namespace mote::text
