// Cuts text into words by a SplitPlan. The known kinds are written by hand as one pass over the text: a
// peer's regular-expression engine died on 26,000 equal characters, these take a step per character whatever
// the text. Unknown patterns go to PCRE2 within budgets.
//
// Text outside of UTF-8 is cut as if every bad byte were U+FFFD.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "text/tokenizer/split_step.h"

namespace mote::text {

// Bytes [begin, end) of the text.
struct Word {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const Word&, const Word&) = default;
};

class Splitter {
 public:
  // TOK_REGEX where a pattern does not compile or uses what is not supported.
  static Result<Splitter> create(const SplitPlan& plan);
  Splitter(Splitter&&) noexcept;
  Splitter& operator=(Splitter&&) noexcept;
  ~Splitter();

  // The words in order, none of them empty. TOK_REGEX where a pattern ran past its budget.
  [[nodiscard]] Result<std::vector<Word>> split(std::string_view text) const;

 private:
  struct Impl;
  explicit Splitter(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace mote::text
