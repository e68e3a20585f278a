// What a vocabulary does to text before it looks for tokens: a list of steps, as tokenizer.json has it. Each
// step keeps track of where its characters come from (AlignedText).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "mote/result.h"
#include "text/tokenizer/aligned_text.h"
#include "text/tokenizer/data.h"

namespace mote::text {

class Normalizer {
 public:
  // The steps must outlive the object. Errors: TOK_REGEX (a pattern), TOK_FORMAT (a character map).
  static Result<Normalizer> create(std::span<const NormalizerStep> steps);
  Normalizer();
  Normalizer(Normalizer&&) noexcept;
  Normalizer& operator=(Normalizer&&) noexcept;
  ~Normalizer();

  [[nodiscard]] bool empty() const { return steps_.empty(); }
  // All steps in order. TOK_EXPANSION where the result passes 16 times the input plus a megabyte; TOK_REGEX
  // where a pattern ran past its budget.
  [[nodiscard]] Result<AlignedText> run(AlignedText text) const;

 private:
  struct Compiled;
  std::span<const NormalizerStep> steps_;
  std::vector<Compiled> compiled_;  // by step
};

// Unicode's normal form `form`. Bytes outside of UTF-8 stay as they are and separate what is around them.
AlignedText apply_form(const AlignedText& text, UnicodeForm form);

}  // namespace mote::text
