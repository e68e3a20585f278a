#include "text/tokenizer/word_cutter.h"

#include <algorithm>

#include "text/tokenizer/space_escape.h"

namespace mote::text {

Result<WordCutter> WordCutter::create(const TokenizerData& data) {
  WordCutter made(data);
  if (!data.split.empty()) {
    MOTE_ASSIGN(made.before_, Splitter::create(data.split));
  }
  if (!data.split_after.empty()) {
    MOTE_ASSIGN(made.after_, Splitter::create(data.split_after));
  }
  return made;
}

Result<void> WordCutter::cut(const AlignedView& text, bool first, const Visit& visit) const {
  const bool marks = data_->escape_space || data_->space_prefix != SpacePrefix::never;
  const auto one = [&](const AlignedView& word, bool at_start) -> Result<void> {
    if (!marks) return cut_marked(word, visit);
    const AlignedText marked = escape_spaces(word, at_start, *data_);
    return cut_marked(marked.view(), visit);
  };
  if (!before_) return one(text, first);
  MOTE_ASSIGN(const std::vector<Word> words, before_->split(text.text));
  for (const Word& word : words)
    MOTE_TRY(one(text.sub(word.begin, word.end - word.begin), first && word.begin == 0));
  return {};
}

Result<void> WordCutter::cut_marked(const AlignedView& text, const Visit& visit) const {
  if (!data_->split_at_spaces) return cut_after(text, visit);
  for (std::size_t begin = 0; begin < text.text.size();) {
    const std::size_t end = std::min(text.text.find(kSpaceMark, begin + 1), text.text.size());
    MOTE_TRY(cut_after(text.sub(begin, end - begin), visit));
    begin = end;
  }
  return {};
}

Result<void> WordCutter::cut_after(const AlignedView& text, const Visit& visit) const {
  if (text.text.empty()) return {};
  if (!after_) return visit(text);
  MOTE_ASSIGN(const std::vector<Word> words, after_->split(text.text));
  for (const Word& word : words) MOTE_TRY(visit(text.sub(word.begin, word.end - word.begin)));
  return {};
}

}  // namespace mote::text
