#include "text/tokenizer/word_rules.h"

#include <algorithm>

namespace mote::text {
namespace {

bool is_newline(char32_t c) { return c == '\r' || c == '\n'; }

template <typename Predicate>
std::size_t run_end(std::size_t i, std::size_t end, Predicate predicate) {
  while (i < end && predicate(i)) ++i;
  return i;
}

// Folds what case-insensitive matching of the contractions can meet: ASCII, and U+017F, which folds to "s".
char32_t fold(char32_t c) {
  if (c >= 'A' && c <= 'Z') return c - 'A' + 'a';
  return c == 0x17F ? U's' : c;
}

// Length in code points of a contraction at `i` ("'s", "'re", ...), 0 where there is none.
std::size_t contraction(const CodePoints& text, std::size_t i, std::size_t end, Contractions kind) {
  if (kind == Contractions::none || i >= end || text.value(i) != '\'' || end - i < 2) return 0;
  const bool ignore_case = kind == Contractions::any_case;
  const char32_t a = ignore_case ? fold(text.value(i + 1)) : text.value(i + 1);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if (end - i < 3) return 0;
  const char32_t b = ignore_case ? fold(text.value(i + 2)) : text.value(i + 2);
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

// `\s+(?!\S)|\s+` on a run of white space [i, stop): all of it at the end of the range, else all but the
// last, which the next word may take; a single one is a match of its own.
std::size_t space_run_end(std::size_t i, std::size_t stop, std::size_t end) {
  if (stop == end || stop - i == 1) return stop;
  return stop - 1;
}

}  // namespace

std::size_t gpt2_word_end(const CodePoints& text, std::size_t begin, std::size_t end) {
  if (const std::size_t n = contraction(text, begin, end, Contractions::lower_case); n != 0) return begin + n;
  std::size_t i = begin;
  if (text.value(i) == ' ' && i + 1 < end && text.at(i + 1) != CharClass::space) ++i;
  const auto same = [&](CharClass wanted) {
    return run_end(i, end, [&](std::size_t k) { return text.at(k) == wanted; });
  };
  switch (text.at(i)) {
    case CharClass::letter:
      return same(CharClass::letter);
    case CharClass::number:
      return same(CharClass::number);
    case CharClass::space:
      return space_run_end(i, same(CharClass::space), end);
    default:
      return run_end(i, end, [&](std::size_t k) {
        return text.at(k) == CharClass::other || text.at(k) == CharClass::mark;
      });
  }
}

namespace {

// What cl100k and camel have in common after their words: numbers, others, space.
template <typename IsLetter>
std::size_t rest_end(const CodePoints& text, std::size_t begin, std::size_t end, const SplitStep& step,
                     const IsLetter& is_letter) {
  const auto is_number = [&](std::size_t k) { return text.at(k) == CharClass::number; };
  const auto is_space = [&](std::size_t k) { return text.at(k) == CharClass::space; };
  const auto is_other = [&](std::size_t k) { return !is_letter(k) && !is_number(k) && !is_space(k); };
  if (is_number(begin)) {
    const std::size_t limit =
        step.digits == 0 ? end : begin + std::min<std::size_t>(step.digits, end - begin);
    return run_end(begin, limit, is_number);
  }
  std::size_t i = begin;
  if (text.value(i) == ' ' && i + 1 < end) ++i;
  if (is_other(i)) {
    const std::size_t stop = run_end(i, end, is_other);
    if (step.line_breaks == LineBreaks::apart) return stop;
    return run_end(stop, end, [&](std::size_t k) {
      return is_newline(text.value(k)) || (step.line_breaks == LineBreaks::slash && text.value(k) == '/');
    });
  }
  // `\s*[\r\n]+`: greedy, so up to the last newline of the run.
  const std::size_t stop = run_end(begin, end, is_space);
  for (std::size_t k = stop; k > begin; --k) {
    if (is_newline(text.value(k - 1))) return k;
  }
  return space_run_end(begin, stop, end);
}

}  // namespace

std::size_t cl100k_word_end(const CodePoints& text, std::size_t begin, std::size_t end,
                            const SplitStep& step) {
  if (const std::size_t n = contraction(text, begin, end, step.contractions); n != 0) return begin + n;
  const auto is_letter = [&](std::size_t k) {
    return text.at(k) == CharClass::letter || (step.marks_are_letters && text.at(k) == CharClass::mark);
  };
  // [^\r\n\p{L}\p{N}]?\p{L}+ ; where marks are letters, a mark in front is one of the letters as well.
  const bool joins =
      !is_newline(text.value(begin)) && !is_letter(begin) && text.at(begin) != CharClass::number;
  const std::size_t word = joins ? begin + 1 : begin;
  if (word < end && is_letter(word)) return run_end(word, end, is_letter);
  return rest_end(text, begin, end, step, is_letter);
}

std::size_t camel_word_end(const CodePoints& text, std::size_t begin, std::size_t end,
                           const SplitStep& step) {
  const auto is_letter = [&](std::size_t k) { return text.at(k) == CharClass::letter; };
  const auto is_apart = [&](std::size_t k) { return step.kind == SplitKind::kimi && is_han(text.value(k)); };
  if (is_apart(begin)) return run_end(begin, end, is_apart);
  // Lm, Lo and marks are in both sets.
  const auto is_both = [&](std::size_t k) {
    return text.at(k) == CharClass::mark ||
           (is_letter(k) && letter_case(text.value(k)) == LetterCase::none && !is_apart(k));
  };
  const auto is_upper = [&](std::size_t k) {
    return is_both(k) || (is_letter(k) && letter_case(text.value(k)) == LetterCase::upper);
  };
  const auto is_lower = [&](std::size_t k) {
    return is_both(k) || (is_letter(k) && letter_case(text.value(k)) == LetterCase::lower);
  };
  // U*D+ from `i`: the longest run of U, then the run of D behind it. Where none is there, U gives characters
  // back until it has given one that D takes: the last of the run that is in both.
  const auto lower_word = [&](std::size_t i) -> std::size_t {
    const std::size_t upper = run_end(i, end, is_upper);
    if (upper < end && is_lower(upper)) return run_end(upper, end, is_lower);
    for (std::size_t k = upper; k > i; --k) {
      if (is_both(k - 1)) return k;
    }
    return i;
  };
  const auto upper_word = [&](std::size_t i) -> std::size_t {
    const std::size_t upper = run_end(i, end, is_upper);
    return upper == i ? i : run_end(upper, end, is_lower);
  };
  // A mark is no letter, so it may also be the character in front.
  const bool joins =
      !is_newline(text.value(begin)) && !is_letter(begin) && text.at(begin) != CharClass::number;
  const auto with_contraction = [&](std::size_t stop) {
    return stop + contraction(text, stop, end, step.contractions);
  };
  for (const bool lower : {true, false}) {
    for (std::size_t i = joins ? begin + 1 : begin; i + 1 > begin; --i) {
      const std::size_t stop = i >= end ? i : lower ? lower_word(i) : upper_word(i);
      if (stop > i) return with_contraction(stop);
      if (i == begin) break;
    }
  }
  return rest_end(text, begin, end, step, is_letter);
}

}  // namespace mote::text
