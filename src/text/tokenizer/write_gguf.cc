// The tokenizer.ggml.* keys, as llama.cpp's converters write them.
#include <algorithm>

#include "formats/metadata.h"
#include "mote/tokenizer.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/gguf_fit.h"
#include "text/tokenizer/piece_index.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/split_catalogue.h"

namespace mote {
namespace {

using text::TokenizerAlgorithm;
using text::TokenizerData;

// "[PAD123]", another text where the vocabulary has that one already: llama.cpp refuses tokens of equal text.
std::string padding_piece(const Tokenizer& tokenizer, std::size_t id) {
  std::string piece = "[PAD" + std::to_string(id) + "]";
  while (tokenizer.find(piece)) piece.insert(piece.size() - 1, "_");
  return piece;
}

// Merges by rank as scores: the earlier the merge that makes a token, the higher its score. The two orders
// agree because each pair's merge in such files is ranked by the token that it makes.
std::vector<double> scores_of(const TokenizerData& data) {
  if (!data.scores.empty()) return data.scores;
  std::vector<double> scores(data.pieces.size(), 0.0);
  std::vector<bool> made(data.pieces.size(), false);
  double rank = 0;
  for (const auto& merge : data.merges) {
    const auto id = static_cast<std::size_t>(merge.merged);
    if (!made[id]) scores[id] = -rank;
    made[id] = true;
    rank += 1;
  }
  return scores;
}

void set_id(formats::Metadata& metadata, const char* name, const std::optional<TokenId>& id) {
  const std::string key = "tokenizer.ggml." + std::string(name) + "_token_id";
  if (id) {
    metadata.set_u32(key, static_cast<std::uint32_t>(*id));
  } else {
    metadata.erase(key);
  }
}

// BERT's tokens as GGUF spells them: "▁" before those that begin a word, nothing before those that continue
// one. TOK_VOCAB where two become the same.
Result<std::vector<std::string>> phantom_pieces(const TokenizerData& data) {
  std::vector<std::string> pieces = data.pieces;
  if (data.phantom_space) return pieces;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (data.types[i] != TokenType::control && data.types[i] != TokenType::unknown) {
      pieces[i] = pieces[i].starts_with(data.continuation) ? pieces[i].substr(data.continuation.size())
                                                           : std::string(text::kSpaceMark) + pieces[i];
    }
  }
  const text::PieceIndex index(pieces);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (index.find(pieces[i]) != static_cast<TokenId>(i)) {
      return Error{text::kTokVocab,
                   "cannot write this WordPiece vocabulary to GGUF: two tokens become \"" +
                       escape_untrusted(pieces[i], 40) + "\" there",
                   "keep the model as a Hugging Face folder",
                   {},
                   {}};
    }
  }
  return pieces;
}

bool adds_space_prefix(const TokenizerData& data) {
  return data.space_prefix != text::SpacePrefix::never ||
         std::any_of(data.normalizer.begin(), data.normalizer.end(), [](const text::NormalizerStep& step) {
           return step.kind == text::NormalizerKind::prepend;
         });
}

void write_unigram_keys(const TokenizerData& data, formats::Metadata& metadata) {
  std::string map = data.charsmap;
  bool merge_spaces = data.remove_extra_whitespaces;
  for (const text::NormalizerStep& step : data.normalizer) {
    if (step.kind == text::NormalizerKind::charsmap) map = step.pattern;
    merge_spaces = merge_spaces || step.kind == text::NormalizerKind::replace_regex;
  }
  merge_spaces = merge_spaces || !data.split.empty();  // at white space, which is dropped
  metadata.set_bool("tokenizer.ggml.remove_extra_whitespaces", merge_spaces);
  if (map.empty()) return;
  std::vector<std::int64_t> bytes;
  bytes.reserve(map.size());
  for (const char c : map) bytes.push_back(static_cast<unsigned char>(c));
  metadata.set_ints("tokenizer.ggml.precompiled_charsmap", formats::ValueType::u8, std::move(bytes));
}

void write_bert_keys(const TokenizerData& data, formats::Metadata& metadata) {
  const text::BertCase kind = text::bert_case(data);
  metadata.set_bool("tokenizer.ggml.normalizer.lowercase", kind.lowercase);
  metadata.set_bool("tokenizer.ggml.normalizer.strip_accents", kind.strip_accents);
  metadata.set_bool("tokenizer.ggml.add_sep_token", true);
}

// Vocabularies of which GGUF's keys cannot say all carry tokenizer.json, under a name that no other program
// takes for one of its own. TOK_PRE where there is no tokenizer.json.
Result<void> write_json_key(const Tokenizer& tokenizer, const std::string& reason,
                            formats::Metadata& metadata) {
  const TokenizerData& data = tokenizer.data();
  if (data.source_json.empty()) {
    return Error{text::kTokPre,
                 "cannot write this tokenizer to GGUF: the format cannot say that " + reason,
                 "keep the model as a Hugging Face folder, or put its tokenizer.json beside it",
                 {},
                 {}};
  }
  metadata.set_string(std::string(text::kHuggingFaceJsonKey), data.source_json);
  return {};
}

}  // namespace

Result<void> write_gguf_keys(const Tokenizer& tokenizer, formats::Metadata& metadata, std::size_t rows) {
  const TokenizerData& data = tokenizer.data();
  const bool byte_level = data.algorithm == TokenizerAlgorithm::byte_bpe;
  if (rows != 0 && data.pieces.size() > rows) {
    return Error{text::kTokVocab,
                 "the tokenizer has " + std::to_string(data.pieces.size()) + " tokens, the model has " +
                     std::to_string(rows) + " embedding rows",
                 "use the tokenizer that belongs to the model",
                 {},
                 {}};
  }
  const std::string reason = text::why_not_gguf(data);
  // A name of llama.cpp's for a vocabulary that mote can only run by its pattern.
  const bool foreign = byte_level && reason.empty() && !text::split_by_name(data.pre_name);
  if (!reason.empty() || foreign)
    MOTE_TRY(write_json_key(tokenizer, foreign ? "it splits text as it does" : reason, metadata));
  std::string model(tokenizer.model_type());
  std::string pre = data.pre_name.empty() ? "default" : data.pre_name;
  if (!reason.empty() && byte_level) pre = std::string(text::kUnnamedPre) + text::sum_of_splitting(data);
  if (!reason.empty() && !byte_level) model = text::kJsonOnlyModel;
  std::vector<std::string> pieces = data.pieces;
  if (model == "bert") {
    MOTE_ASSIGN(pieces, phantom_pieces(data));
  }
  std::vector<std::int64_t> types;
  types.reserve(std::max(pieces.size(), rows));
  for (const TokenType type : data.types) types.push_back(static_cast<std::int64_t>(type));
  while (pieces.size() < rows) {
    pieces.push_back(padding_piece(tokenizer, pieces.size()));
    types.push_back(static_cast<std::int64_t>(TokenType::unused));
  }
  const std::size_t count = pieces.size();
  metadata.set_string("tokenizer.ggml.model", model);
  metadata.set_string("tokenizer.ggml.pre", pre);
  metadata.set_strings("tokenizer.ggml.tokens", std::move(pieces));
  if (model == "llama" || model == "t5") {
    std::vector<double> scores = scores_of(data);
    scores.resize(count, -1000.0);
    metadata.set_floats("tokenizer.ggml.scores", formats::ValueType::f32, std::move(scores));
    metadata.set_bool("tokenizer.ggml.add_space_prefix", adds_space_prefix(data));
  }
  if (model == "t5") write_unigram_keys(data, metadata);
  if (model == "bert") write_bert_keys(data, metadata);
  metadata.set_ints("tokenizer.ggml.token_type", formats::ValueType::i32, std::move(types));
  if (byte_level) {
    std::vector<std::string> merges;
    merges.reserve(data.merges.size());
    for (const auto& merge : data.merges) {
      merges.push_back(data.pieces[static_cast<std::size_t>(merge.left)] + " " +
                       data.pieces[static_cast<std::size_t>(merge.right)]);
    }
    metadata.set_strings("tokenizer.ggml.merges", std::move(merges));
  }
  set_id(metadata, "bos", model == "bert" && data.cls ? data.cls : data.bos);
  set_id(metadata, "eos", data.eos);
  set_id(metadata, "eot", data.eot);
  set_id(metadata, "eom", data.eom);
  set_id(metadata, "unknown", data.unk);
  set_id(metadata, "padding", data.pad);
  set_id(metadata, "cls", data.cls);
  set_id(metadata, "seperator", data.sep);  // the key's own spelling
  set_id(metadata, "mask", data.mask);
  metadata.set_bool("tokenizer.ggml.add_bos_token", model == "bert" || tokenizer.add_bos());
  metadata.set_bool("tokenizer.ggml.add_eos_token", tokenizer.add_eos());
  if (!data.chat_template.empty()) metadata.set_string("tokenizer.chat_template", data.chat_template);
  return {};
}

}  // namespace mote
