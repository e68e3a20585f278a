// From a stretch of text to the words that a character-level model (BPE, unigram, WordPiece) sees: the
// splitters of tokenizer.json and, between them, the marking of spaces that Hugging Face calls Metaspace.
#pragma once

#include <functional>
#include <optional>

#include "mote/result.h"
#include "text/tokenizer/aligned_text.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/splitter.h"

namespace mote::text {

class WordCutter {
 public:
  using Visit = std::function<Result<void>(const AlignedView& word)>;

  // `data` must outlive the object. Errors: TOK_REGEX.
  static Result<WordCutter> create(const TokenizerData& data);
  // `first`: the text begins at the beginning of what is encoded. Errors: TOK_REGEX and those of `visit`.
  Result<void> cut(const AlignedView& text, bool first, const Visit& visit) const;

 private:
  explicit WordCutter(const TokenizerData& data) : data_(&data) {}
  Result<void> cut_marked(const AlignedView& text, const Visit& visit) const;
  Result<void> cut_after(const AlignedView& text, const Visit& visit) const;

  const TokenizerData* data_;
  std::optional<Splitter> before_;
  std::optional<Splitter> after_;
};

}  // namespace mote::text
