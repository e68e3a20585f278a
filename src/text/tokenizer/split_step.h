// How a byte-level tokenizer cuts text into words before merging, as data: steps that each refine the cuts of
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
  gpt2,       // contractions, " ?letters", " ?numbers", " ?others", space runs
  cl100k,     // Llama-3 and Qwen: case-insensitive contractions, a leading non-letter joins a word, newlines
              // apart
  numbers,    // runs of \p{N} of at most `digits` characters (0: any length), alone
  newlines,   // every \r and every \n alone
  class_run,  // a run of `ranges`, with one white space before it if `leading_space`, alone
  trailing_space,  // the white space at the end
  regex,           // any other pattern, by PCRE2
};

struct SplitStep {
  SplitKind kind = SplitKind::gpt2;
  std::uint32_t digits = 0;         // cl100k: numbers are cut after so many; numbers: see there
  bool marks_are_letters = false;   // cl100k: \p{M} counts as \p{L}
  bool leading_space = false;       // class_run
  std::vector<CodeRange> ranges{};  // class_run; sorted, not touching
  std::string pattern{};            // regex
  bool remove_matches = false;      // regex: what matches is dropped
  bool invert = false;              // regex: gaps are matches and matches are gaps

  friend bool operator==(const SplitStep&, const SplitStep&) = default;
};

using SplitPlan = std::vector<SplitStep>;

}  // namespace mote::text
