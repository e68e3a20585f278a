// What SentencePiece does to a text before it looks for tokens (google/sentencepiece, src/normalizer.cc): the
// character map of the model, one space in front, runs of spaces made one, " " written as "▁". And
// llama.cpp's own version of the same (llm_tokenizer_ugm in src/llama-vocab.cpp), which differs in texts of
// spaces alone and where no space goes in front.
//
// Bytes that are no UTF-8 stay as they are; SentencePiece makes U+FFFD of each.
#pragma once

#include <optional>
#include <string_view>

#include "mote/result.h"
#include "text/tokenizer/added_matcher.h"
#include "text/tokenizer/aligned_text.h"
#include "text/tokenizer/charsmap.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/piece_trie.h"

namespace mote::text {

class SentenceNormalizer {
 public:
  // `data` must outlive the object. Errors: TOK_FORMAT (character map).
  static Result<SentenceNormalizer> create(const TokenizerData& data);

  // User-defined tokens that `mode` allows are left as they are. TOK_EXPANSION where the map makes the text
  // more than 16 times and a megabyte longer.
  [[nodiscard]] Result<AlignedText> run(const AlignedView& text, MatchMode mode) const;

 private:
  explicit SentenceNormalizer(const TokenizerData& data) : data_(&data) {}
  struct Chunk {
    std::string_view text;   // what stands for the source
    std::size_t length = 0;  // of the source
  };
  [[nodiscard]] Chunk next(std::string_view rest, MatchMode mode) const;
  [[nodiscard]] Result<AlignedText> run_sentencepiece(const AlignedView& text, MatchMode mode) const;
  [[nodiscard]] Result<AlignedText> run_llama_cpp(const AlignedView& text, MatchMode mode) const;

  const TokenizerData* data_;
  std::optional<Charsmap> map_;
  PieceTrie user_defined_;
};

}  // namespace mote::text
