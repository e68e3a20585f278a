// The tokenizer.ggml.* keys, as llama.cpp's converters write them.
#include <algorithm>

#include "formats/metadata.h"
#include "mote/tokenizer.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/errors.h"

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
  if (!data.scores.empty()) return {data.scores.begin(), data.scores.end()};
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

}  // namespace

Result<void> write_gguf_keys(const Tokenizer& tokenizer, formats::Metadata& metadata, std::size_t rows) {
  const TokenizerData& data = tokenizer.data();
  const bool byte_level = data.algorithm == TokenizerAlgorithm::byte_bpe;
  if (byte_level && data.pre_name.empty()) {
    return Error{text::kTokPre,
                 "cannot write this tokenizer to GGUF: the format has no name for the way it splits text",
                 "keep the model as a Hugging Face folder",
                 {},
                 {}};
  }
  if (rows != 0 && data.pieces.size() > rows) {
    return Error{text::kTokVocab,
                 "the tokenizer has " + std::to_string(data.pieces.size()) + " tokens, the model has " +
                     std::to_string(rows) + " embedding rows",
                 "use the tokenizer that belongs to the model",
                 {},
                 {}};
  }
  std::vector<std::string> pieces = data.pieces;
  std::vector<std::int64_t> types;
  types.reserve(std::max(pieces.size(), rows));
  for (const TokenType type : data.types) types.push_back(static_cast<std::int64_t>(type));
  while (pieces.size() < rows) {
    pieces.push_back(padding_piece(tokenizer, pieces.size()));
    types.push_back(static_cast<std::int64_t>(TokenType::unused));
  }
  const std::size_t count = pieces.size();
  metadata.set_string("tokenizer.ggml.model", std::string(tokenizer.model_type()));
  metadata.set_string("tokenizer.ggml.pre", data.pre_name.empty() ? "default" : data.pre_name);
  metadata.set_strings("tokenizer.ggml.tokens", std::move(pieces));
  if (!byte_level) {
    std::vector<double> scores = scores_of(data);
    scores.resize(count, -1000.0);
    metadata.set_floats("tokenizer.ggml.scores", formats::ValueType::f32, std::move(scores));
    metadata.set_bool("tokenizer.ggml.add_space_prefix", data.space_prefix != text::SpacePrefix::never);
  }
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
  set_id(metadata, "bos", data.bos);
  set_id(metadata, "eos", data.eos);
  set_id(metadata, "eot", data.eot);
  set_id(metadata, "eom", data.eom);
  set_id(metadata, "unknown", data.unk);
  set_id(metadata, "padding", data.pad);
  metadata.set_bool("tokenizer.ggml.add_bos_token", tokenizer.add_bos());
  metadata.set_bool("tokenizer.ggml.add_eos_token", tokenizer.add_eos());
  if (!data.chat_template.empty()) metadata.set_string("tokenizer.chat_template", data.chat_template);
  return {};
}

}  // namespace mote
