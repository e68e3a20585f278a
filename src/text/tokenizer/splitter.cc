#include "text/tokenizer/splitter.h"

#include <algorithm>
#include <optional>

#include "text/tokenizer/code_points.h"
#include "text/tokenizer/regex_splitter.h"
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
  switch (step.kind) {
    case SplitKind::numbers:
      while (i < end && text.at(i) != CharClass::number) ++i;
      {
        std::size_t stop = i;
        while (stop < end && text.at(stop) == CharClass::number &&
               (step.digits == 0 || stop - i < step.digits))
          ++stop;
        return {i, stop};
      }
    case SplitKind::newlines:
      while (i < end && text.value(i) != '\r' && text.value(i) != '\n') ++i;
      return {i, std::min(i + 1, end)};
    case SplitKind::class_run: {
      const std::size_t from = i;
      while (i < end && !in_ranges(step.ranges, text.value(i))) ++i;
      std::size_t stop = i;
      while (stop < end && in_ranges(step.ranges, text.value(stop))) ++stop;
      // A white space in front joins; one that is itself in the class would have begun the run.
      if (step.leading_space && stop > i && i > from && text.at(i - 1) == CharClass::space) --i;
      return {i, stop};
    }
    case SplitKind::trailing_space: {
      std::size_t begin = end;
      while (begin > i && text.at(begin - 1) == CharClass::space) --begin;
      return {begin, end};
    }
    default:
      return {end, end};
  }
}

void split_isolated(const CodePoints& text, Range range, const SplitStep& step, std::vector<Range>& out) {
  std::size_t i = range.begin;
  while (i < range.end) {
    const Range match = next_match(text, i, range.end, step);
    if (match.begin > i) out.push_back({i, match.begin});
    if (match.end == match.begin) return;
    out.push_back(match);
    i = match.end;
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
    if (step.kind != SplitKind::regex) continue;
    MOTE_ASSIGN(RegexSplitter regex, RegexSplitter::compile(step.pattern));
    impl->regexes.back() = std::move(regex);
  }
  return Splitter(std::move(impl));
}

namespace {

// A regex works on bytes and its matches begin and end at code points, so a running index translates.
Result<void> split_regex(const CodePoints& text, Range range, const SplitStep& step,
                         const RegexSplitter& regex, std::vector<Range>& out) {
  const std::size_t base = text.offset(range.begin);
  MOTE_ASSIGN(const auto matches, regex.find_all(text.text().substr(base, text.offset(range.end) - base)));
  std::size_t index = range.begin;
  const auto index_of = [&](std::size_t byte) {
    while (index < range.end && text.offset(index) < byte) ++index;
    return index;
  };
  const auto emit = [&](std::size_t begin, std::size_t end, bool is_match) {
    if (begin < end && !(step.remove_matches && is_match != step.invert)) out.push_back({begin, end});
  };
  std::size_t done = range.begin;
  for (const auto& match : matches) {
    const std::size_t begin = index_of(base + match.begin);
    const std::size_t end = index_of(base + match.end);
    emit(done, begin, false);
    emit(begin, end, true);
    done = end;
  }
  emit(done, range.end, false);
  return {};
}

}  // namespace

Result<std::vector<Word>> Splitter::split(std::string_view text) const {
  const CodePoints points(text);
  std::vector<Range> ranges;
  std::vector<Range> refined;
  if (points.size() > 0) ranges.push_back({0, points.size()});
  for (std::size_t s = 0; s < impl_->plan.size(); ++s) {
    const SplitStep& step = impl_->plan[s];
    refined.clear();
    for (const Range& range : ranges) {
      if (step.kind == SplitKind::gpt2 || step.kind == SplitKind::cl100k) {
        for (std::size_t i = range.begin; i < range.end;) {
          const std::size_t stop = step.kind == SplitKind::gpt2 ? gpt2_word_end(points, i, range.end)
                                                                : cl100k_word_end(points, i, range.end, step);
          refined.push_back({i, stop});
          i = stop;
        }
      } else if (step.kind == SplitKind::regex) {
        MOTE_TRY(split_regex(points, range, step, *impl_->regexes[s], refined));
      } else {
        split_isolated(points, range, step, refined);
      }
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
