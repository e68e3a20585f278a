// How a tokenizer cuts text into words before merging, as data: steps that each refine the cuts of
// the one before, as Hugging Face's pre-tokenizer sequences and llama.cpp's regex lists do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mote::text {

struct CodeRange {
  char32_t first = 0;
  char32_t last = 0;
  friend bool operator==(const CodeRange&, const CodeRange&) = default;
};

enum class SplitKind : std::uint8_t {
  // Word patterns: they match everything, one match after the other.
  gpt2,    // contractions, " ?letters", " ?numbers", " ?others", space runs
  cl100k,  // Llama-3 and Qwen: a leading non-letter joins a word, newlines apart
  camel,   // GPT-4o, Mistral's Tekken: cl100k whose words end where a lower-case letter meets an upper-case
           // one
  // Classes of characters.
  numbers,         // runs of \p{N} of at most `digits` characters (0: any length)
  newlines,        // every \r and every \n
  class_run,       // a run of `ranges`, with one white space before it if `leading_space`
  trailing_space,  // the white space at the end
  space,           // each white space
  punctuation,     // each character of punctuation, as BERT means it
  words,           // runs of \w and runs of what is neither \w nor white space
  literal,         // `pattern` as it is
  regex,           // any other pattern, by PCRE2
  // Runs cut into groups of `digits` from their end: 1234567 gives 1, 234, 567.
  numbers_from_right,        // of \p{N}
  decimals_from_right,       // of \d
  decimal_words_from_right,  // of \d, where no \w follows, as Oniguruma has \b
  kimi,                      // Kimi K2: camel without Han, whose runs are words
};

// What becomes of matches (Hugging Face's SplitDelimiterBehavior). Gaps between matches are always words.
enum class SplitBehavior : std::uint8_t {
  isolated,              // each match is a word
  removed,               // matches are dropped
  merged_with_previous,  // a match belongs to the gap before it
  merged_with_next,      // or after it
  contiguous,            // neighbouring matches are one word
};

// The contractions of English that are words of their own.
enum class Contractions : std::uint8_t { none, lower_case, any_case };
// What a run of "other" characters takes with it at its end.
enum class LineBreaks : std::uint8_t {
  plain,  // [\r\n]*
  slash,  // [\r\n/]*
  apart,  // nothing
};

struct SplitStep {
  SplitKind kind = SplitKind::gpt2;
  std::uint32_t digits = 0;        // cl100k, camel, kimi: numbers are cut after so many; numbers: see there
  bool marks_are_letters = false;  // cl100k: \p{M} counts as \p{L}
  Contractions contractions = Contractions::any_case;  // cl100k (before words), camel (after them)
  LineBreaks line_breaks = LineBreaks::plain;          // cl100k, camel
  bool leading_space = false;                          // class_run
  std::vector<CodeRange> ranges{};                     // class_run; sorted, not touching
  std::string pattern{};                               // regex, literal
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;  // gaps are matches and matches are gaps

  friend bool operator==(const SplitStep&, const SplitStep&) = default;
};

using SplitPlan = std::vector<SplitStep>;

}  // namespace mote::text
