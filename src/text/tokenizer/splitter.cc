#include "text/tokenizer/splitter.h"

#include <algorithm>
#include <optional>

#include "base/text_search.h"
#include "text/tokenizer/code_points.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/regex_splitter.h"
#include "text/tokenizer/split_catalogue.h"
#include "text/tokenizer/word_rules.h"

namespace mote::text {
namespace {

// A range of code points that is a word so far.
struct Range {
  std::size_t begin;
  std::size_t end;
};

bool in_ranges(std::span<const CodeRange> ranges, char32_t c) {
  const auto it =
      std::upper_bound(ranges.begin(), ranges.end(), c,
                       [](char32_t value, const CodeRange& range) { return value < range.first; });
  return it != ranges.begin() && c <= std::prev(it)->last;
}

// Where the next match of `step` in [i, end) begins and ends, by code points; begin == end: none.
Range next_match(const CodePoints& text, std::size_t i, std::size_t end, const SplitStep& step) {
  const auto run_of = [&](const auto& inside) {
    while (i < end && !inside(i)) ++i;
    std::size_t stop = i;
    while (stop < end && inside(stop)) ++stop;
    return Range{i, stop};
  };
  const auto one_of = [&](const auto& inside) {
    while (i < end && !inside(i)) ++i;
    return Range{i, std::min(i + 1, end)};
  };
  switch (step.kind) {
    case SplitKind::gpt2:
      return {i, gpt2_word_end(text, i, end)};
    case SplitKind::cl100k:
      return {i, cl100k_word_end(text, i, end, step)};
    case SplitKind::camel:
    case SplitKind::kimi:
      return {i, camel_word_end(text, i, end, step)};
    case SplitKind::numbers: {
      Range run = run_of([&](std::size_t k) { return text.at(k) == CharClass::number; });
      if (step.digits != 0) run.end = std::min(run.end, run.begin + step.digits);
      return run;
    }
    case SplitKind::newlines:
      return one_of([&](std::size_t k) { return text.value(k) == '\r' || text.value(k) == '\n'; });
    case SplitKind::space:
      return one_of([&](std::size_t k) { return text.at(k) == CharClass::space; });
    case SplitKind::punctuation:
      return one_of([&](std::size_t k) { return is_punctuation(text.value(k)); });
    case SplitKind::words: {
      while (i < end && text.at(i) == CharClass::space) ++i;
      if (i == end) return {end, end};
      const bool word = is_word_character(text.value(i));
      return run_of([&](std::size_t k) {
        return text.at(k) != CharClass::space && is_word_character(text.value(k)) == word;
      });
    }
    case SplitKind::class_run: {
      const std::size_t from = i;
      Range run = run_of([&](std::size_t k) { return in_ranges(step.ranges, text.value(k)); });
      // A white space in front joins; one that is itself in the class would have begun the run.
      if (step.leading_space && run.end > run.begin && run.begin > from &&
          text.at(run.begin - 1) == CharClass::space)
        --run.begin;
      return run;
    }
    case SplitKind::trailing_space: {
      std::size_t begin = end;
      while (begin > i && text.at(begin - 1) == CharClass::space) --begin;
      return {begin, end};
    }
    case SplitKind::literal:
    case SplitKind::regex:
    case SplitKind::numbers_from_right:
    case SplitKind::decimals_from_right:
    case SplitKind::decimal_words_from_right:
      break;
  }
  return {end, end};
}

struct Part {
  Range range;
  bool match;
};

// Appends the words that `parts`, which cover a range without gaps, make under `behavior`.
void apply_behavior(std::vector<Part>& parts, SplitBehavior behavior, std::vector<Range>& out) {
  const std::size_t first = out.size();
  bool previous = false;
  switch (behavior) {
    case SplitBehavior::isolated:
      for (const Part& part : parts) out.push_back(part.range);
      break;
    case SplitBehavior::removed:
      for (const Part& part : parts) {
        if (!part.match) out.push_back(part.range);
      }
      break;
    case SplitBehavior::contiguous:
      for (const Part& part : parts) {
        if (part.match == previous && out.size() > first) {
          out.back().end = part.range.end;
        } else {
          out.push_back(part.range);
        }
        previous = part.match;
      }
      break;
    case SplitBehavior::merged_with_previous:
      for (const Part& part : parts) {
        if (part.match && !previous && out.size() > first) {
          out.back().end = part.range.end;
        } else {
          out.push_back(part.range);
        }
        previous = part.match;
      }
      break;
    case SplitBehavior::merged_with_next:
      std::reverse(parts.begin(), parts.end());
      for (const Part& part : parts) {
        if (part.match && !previous && out.size() > first) {
          out.back().begin = part.range.begin;
        } else {
          out.push_back(part.range);
        }
        previous = part.match;
      }
      std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
      break;
  }
}

}  // namespace

struct Splitter::Impl {
  SplitPlan plan;
  std::vector<std::optional<RegexSplitter>> regexes;  // by step
};

Splitter::Splitter(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Splitter::Splitter(Splitter&&) noexcept = default;
Splitter& Splitter::operator=(Splitter&&) noexcept = default;
Splitter::~Splitter() = default;

Result<Splitter> Splitter::create(const SplitPlan& plan) {
  auto impl = std::make_unique<Impl>();
  impl->plan = plan;
  for (const SplitStep& step : plan) {
    impl->regexes.emplace_back();
    if (step.kind == SplitKind::literal && step.pattern.empty()) {
      return Error{kTokRegex, "cannot split at an empty text", {}, {}, {}};
    }
    if (step.kind != SplitKind::regex) continue;
    const auto steps =
        is_catalogue_pattern(step.pattern) ? RegexSplitter::Steps::uncounted : RegexSplitter::Steps::counted;
    MOTE_ASSIGN(RegexSplitter regex, RegexSplitter::compile(step.pattern, steps));
    impl->regexes.back() = std::move(regex);
  }
  return Splitter(std::move(impl));
}

namespace {

void add_part(std::vector<Part>& parts, std::size_t begin, std::size_t end, bool match) {
  if (begin < end) parts.push_back({{begin, end}, match});
}

bool is_from_right(SplitKind kind) {
  return kind == SplitKind::numbers_from_right || kind == SplitKind::decimals_from_right ||
         kind == SplitKind::decimal_words_from_right;
}

// Whole runs at once, so that no group has to look for the end of its run again.
void add_groups(const CodePoints& text, Range range, const SplitStep& step, std::vector<Part>& parts) {
  const auto inside = [&](std::size_t k) {
    return step.kind == SplitKind::numbers_from_right ? text.at(k) == CharClass::number
                                                      : is_decimal_digit(text.value(k));
  };
  std::size_t done = range.begin;
  for (std::size_t i = range.begin; i < range.end;) {
    if (!inside(i)) {
      ++i;
      continue;
    }
    std::size_t stop = i;
    while (stop < range.end && inside(stop)) ++stop;
    const bool goes_on = step.kind == SplitKind::decimal_words_from_right && stop < range.end &&
                         is_oniguruma_word_character(text.value(stop));
    if (!goes_on) {
      add_part(parts, done, i, step.invert);
      std::size_t group = (stop - i) % step.digits == 0 ? step.digits : (stop - i) % step.digits;
      for (std::size_t at = i; at < stop;) {
        add_part(parts, at, at + group, !step.invert);
        at += group;
        group = step.digits;
      }
      done = stop;
    }
    i = stop;
  }
  add_part(parts, done, range.end, step.invert);
}

// Matches by bytes of the range, which begin and end at code points, so a running index translates.
void add_byte_matches(const CodePoints& text, Range range, const std::vector<RegexSplitter::Match>& matches,
                      bool invert, std::vector<Part>& parts) {
  const std::size_t base = text.offset(range.begin);
  std::size_t index = range.begin;
  const auto index_of = [&](std::size_t byte) {
    while (index < range.end && text.offset(index) < byte) ++index;
    return index;
  };
  std::size_t done = range.begin;
  for (const auto& match : matches) {
    const std::size_t begin = index_of(base + match.begin);
    const std::size_t end = index_of(base + match.end);
    add_part(parts, done, begin, invert);
    add_part(parts, begin, end, !invert);
    done = end;
  }
  add_part(parts, done, range.end, invert);
}

// The matches of `step` and the gaps between them.
Result<void> find_parts(const CodePoints& text, Range range, const SplitStep& step,
                        const std::optional<RegexSplitter>& regex, std::uint64_t& budget,
                        std::vector<Part>& parts) {
  parts.clear();
  const std::size_t base = text.offset(range.begin);
  const std::string_view bytes = text.text().substr(base, text.offset(range.end) - base);
  if (step.kind == SplitKind::regex) {
    MOTE_ASSIGN(const auto matches, regex->find_all(bytes, budget));
    add_byte_matches(text, range, matches, step.invert, parts);
    return {};
  }
  if (step.kind == SplitKind::literal) {
    std::vector<RegexSplitter::Match> matches;
    for (std::size_t at = find_text(bytes, step.pattern); at != std::string_view::npos;
         at = find_text(bytes, step.pattern, at + step.pattern.size()))
      matches.push_back({at, at + step.pattern.size()});
    add_byte_matches(text, range, matches, step.invert, parts);
    return {};
  }
  if (is_from_right(step.kind)) {
    add_groups(text, range, step, parts);
    return {};
  }
  std::size_t i = range.begin;
  while (i < range.end) {
    const Range match = next_match(text, i, range.end, step);
    if (match.end == match.begin) {
      add_part(parts, i, range.end, step.invert);
      break;
    }
    add_part(parts, i, match.begin, step.invert);
    add_part(parts, match.begin, match.end, !step.invert);
    i = match.end;
  }
  return {};
}

}  // namespace

Result<std::vector<Word>> Splitter::split(std::string_view text) const {
  const CodePoints points(text);
  std::vector<Range> ranges;
  std::vector<Range> refined;
  std::vector<Part> parts;
  if (points.size() > 0) ranges.push_back({0, points.size()});
  for (std::size_t s = 0; s < impl_->plan.size(); ++s) {
    const SplitStep& step = impl_->plan[s];
    refined.clear();
    std::uint64_t budget = RegexSplitter::budget(text.size());
    for (const Range& range : ranges) {
      MOTE_TRY(find_parts(points, range, step, impl_->regexes[s], budget, parts));
      apply_behavior(parts, step.behavior, refined);
    }
    ranges.swap(refined);
  }
  std::vector<Word> words;
  words.reserve(ranges.size());
  for (const Range& range : ranges)
    words.push_back(Word{points.offset(range.begin), points.offset(range.end)});
  return words;
}

}  // namespace mote::text
