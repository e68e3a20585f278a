// The readers of the sources. Each turns a file into TokenizerData; what the data means is checked once,
// by Tokenizer::create.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/json.h"
#include "formats/metadata.h"
#include "mote/result.h"
#include "text/tokenizer/data.h"

namespace mote::text {

// tokenizer.json. Errors: TOK_FORMAT, TOK_UNSUPPORTED, TOK_VOCAB, TOK_MERGES, TOK_CYCLE.
Result<TokenizerData> read_tokenizer_json(const Json& root);
// vocab.json and merges.txt (GPT-2's and Qwen2's tokenizers before tokenizer.json). `config`:
// tokenizer_config.json or null; its tokenizer_class decides how text is split.
Result<TokenizerData> read_vocab_and_merges(const Json& vocabulary, std::string_view merges,
                                            const Json& config);
// vocab.txt, one token a line (BERT's tokenizers before tokenizer.json). `config`: tokenizer_config.json or
// null; it says whether text is lower-cased. Errors: TOK_VOCAB.
Result<TokenizerData> read_vocab_txt(std::string_view lines, const Json& config);
// What tokenizer_config.json, generation_config.json and config.json of the folder add: special tokens,
// template. Missing files are fine. Errors: JSON_*, TOK_FORMAT.
Result<void> apply_companion_files(TokenizerData& data, const std::filesystem::path& folder);
// The tokenizer.ggml.* keys. Errors: TOK_MISSING, TOK_UNSUPPORTED, TOK_PRE, TOK_VOCAB, TOK_MERGES, META_*.
Result<TokenizerData> read_gguf_keys(const formats::Metadata& metadata);
// A SentencePiece model of type BPE or unigram (google/sentencepiece, sentencepiece_model.proto). Errors:
// TOK_PROTO, TOK_UNSUPPORTED, TOK_VOCAB.
Result<TokenizerData> read_sentencepiece(std::span<const std::byte> bytes);
// llama2.c's tokenizer.bin: u32 longest token, then per token f32 score, i32 length, bytes. Errors:
// TOK_FORMAT.
Result<TokenizerData> read_llama2c(std::span<const std::byte> bytes);

}  // namespace mote::text
