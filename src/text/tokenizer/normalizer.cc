#include "text/tokenizer/normalizer.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "base/text_search.h"
#include "text/tokenizer/charsmap.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/merger.h"
#include "text/tokenizer/regex_splitter.h"
#include "text/tokenizer/unicode_class.h"

namespace mote::text {
namespace {

// Calls visit(code point, its bytes) for each character; a bad byte is one of its own, of value U+FFFD.
template <typename Visit>
void for_each_character(std::string_view text, const Visit& visit) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i;
    const char32_t c = next_code_point(text, i);
    visit(c, text.substr(begin, i - begin));
  }
}

bool is_bad_byte(char32_t c, std::string_view bytes) { return c == 0xFFFD && bytes.size() == 1; }

// Copies characters that `keep` accepts and drops the others. A dropped one goes with the kept one before it,
// as Rewriter's changes say it.
template <typename Keep>
AlignedText filter(const AlignedText& text, const Keep& keep) {
  Rewriter to(text);
  for_each_character(text.text(), [&](char32_t c, std::string_view bytes) {
    if (is_bad_byte(c, bytes) || keep(c)) {
      to.put(bytes, 0);
    } else {
      to.skip(1);
    }
  });
  return to.finish();
}

AlignedText lowercase(const AlignedText& text) {
  if (std::none_of(text.text().begin(), text.text().end(),
                   [](char c) { return (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80; }))
    return text;
  Rewriter to(text);
  for_each_character(text.text(), [&](char32_t c, std::string_view bytes) {
    if (is_bad_byte(c, bytes)) {
      to.put(bytes, 0);
    } else if (c == 0x130) {  // the one character whose lower case is two (SpecialCasing.txt)
      to.put(U'i', 0);
      to.put(char32_t{0x307}, 1);
    } else {
      to.put(to_lower(c), 0);
    }
  });
  return to.finish();
}

AlignedText clean_controls(const AlignedText& text) {
  Rewriter to(text);
  for_each_character(text.text(), [&](char32_t c, std::string_view bytes) {
    if (is_bad_byte(c, bytes)) {
      to.put(bytes, 0);
    } else if (c == 0 || c == 0xFFFD || is_bert_control(c)) {
      to.skip(1);
    } else {
      to.put(is_bert_space(c) ? std::string_view(" ") : bytes, 0);
    }
  });
  return to.finish();
}

AlignedText space_cjk(const AlignedText& text) {
  Rewriter to(text);
  for_each_character(text.text(), [&](char32_t c, std::string_view bytes) {
    if (is_cjk_ideograph(c)) {
      to.put(" ", 0);
      to.put(bytes, 1);
      to.put(" ", 1);
    } else {
      to.put(bytes, 0);
    }
  });
  return to.finish();
}

AlignedText strip(const AlignedText& aligned, bool left, bool right) {
  const std::string_view text = aligned.text();
  std::size_t begin = 0;
  while (left && begin < text.size()) {
    std::size_t next = begin;
    if (!is_white_space(next_code_point(text, next))) break;
    begin = next;
  }
  std::size_t end = begin;
  for (std::size_t i = begin; i < text.size();) {
    if (!is_white_space(next_code_point(text, i))) end = i;
  }
  if (!right) end = text.size();
  AlignedText out(aligned.view().sub(begin, end - begin));
  return out;
}

// Writes `content` for the matched bytes [begin, end). It has the origin of the last of them.
void put_content(Rewriter& to, std::string_view matched, std::string_view content) {
  std::size_t characters = 0;
  for_each_character(matched, [&](char32_t, std::string_view) { ++characters; });
  to.skip(characters);
  for_each_character(content, [&](char32_t, std::string_view bytes) { to.put(bytes, 1); });
}

}  // namespace

struct Normalizer::Compiled {
  std::optional<RegexSplitter> regex;
  std::optional<Charsmap> map;
};

Normalizer::Normalizer() = default;
Normalizer::Normalizer(Normalizer&&) noexcept = default;
Normalizer& Normalizer::operator=(Normalizer&&) noexcept = default;
Normalizer::~Normalizer() = default;

Result<Normalizer> Normalizer::create(std::span<const NormalizerStep> steps) {
  Normalizer made;
  made.steps_ = steps;
  for (const NormalizerStep& step : steps) {
    Compiled& compiled = made.compiled_.emplace_back();
    if (step.kind == NormalizerKind::replace_regex) {
      MOTE_ASSIGN(compiled.regex, RegexSplitter::compile(step.pattern));
    } else if (step.kind == NormalizerKind::charsmap) {
      MOTE_ASSIGN(compiled.map, Charsmap::create(step.pattern));
    }
  }
  return made;
}

AlignedText apply_form(const AlignedText& text, UnicodeForm form) {
  const unsigned char lead = first_lead_changed(form);
  if (std::none_of(text.text().begin(), text.text().end(),
                   [lead](char c) { return static_cast<unsigned char>(c) >= lead; }))
    return text;
  Rewriter to(text);
  std::vector<char32_t> run;
  const auto flush = [&] {
    for (const ChangedCharacter& c : to_form(run, form)) to.put(c.value, c.change);
    run.clear();
  };
  for_each_character(text.text(), [&](char32_t c, std::string_view bytes) {
    if (is_bad_byte(c, bytes)) {
      flush();
      to.put(bytes, 0);
    } else {
      run.push_back(c);
    }
  });
  flush();
  return to.finish();
}

namespace {

Error too_long(std::size_t input, std::size_t limit) {
  return Error{kTokExpansion,
               "the normalizer of the tokenizer made a text of " + std::to_string(input) +
                   " bytes longer than " + std::to_string(limit) + " bytes",
               "the tokenizer file is damaged or hostile: take it from its publisher",
               {},
               {}};
}

// Every match by `content`; nothing where the result would pass `limit`.
std::optional<AlignedText> replace(const AlignedText& text, const std::vector<RegexSplitter::Match>& matches,
                                   std::string_view content, std::size_t limit) {
  Rewriter to(text);
  std::size_t at = 0;
  for (const auto& match : matches) {
    to.copy(match.begin - at);
    put_content(to, text.text().substr(match.begin, match.end - match.begin), content);
    at = match.end;
    if (to.size() > limit) return std::nullopt;
  }
  to.copy(text.text().size() - at);
  return to.size() > limit ? std::nullopt : std::optional<AlignedText>(to.finish());
}

std::vector<RegexSplitter::Match> find_literal(std::string_view text, std::string_view pattern) {
  std::vector<RegexSplitter::Match> matches;
  for (std::size_t at = find_text(text, pattern); at != std::string_view::npos;
       at = find_text(text, pattern, at + pattern.size()))
    matches.push_back({at, at + pattern.size()});
  return matches;
}

}  // namespace

Result<AlignedText> Normalizer::run(AlignedText text) const {
  const std::size_t input = text.text().size();
  const std::size_t limit = std::min(input * 16 + (std::size_t{1} << 20), kMaxMergeBytes / 4);
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const NormalizerStep& step = steps_[s];
    switch (step.kind) {
      case NormalizerKind::unicode_form:
        text = apply_form(text, step.form);
        break;
      case NormalizerKind::lowercase:
        text = lowercase(text);
        break;
      case NormalizerKind::strip_marks:
        text = filter(text, [](char32_t c) { return classify(c) != CharClass::mark; });
        break;
      case NormalizerKind::strip_nonspacing_marks:
        text = filter(text, [](char32_t c) { return !is_nonspacing_mark(c); });
        break;
      case NormalizerKind::prepend:
        if (!text.empty()) text.prepend(step.content);
        break;
      case NormalizerKind::replace:
      case NormalizerKind::replace_regex: {
        std::vector<RegexSplitter::Match> matches;
        if (step.kind == NormalizerKind::replace) {
          matches = find_literal(text.text(), step.pattern);
        } else {
          MOTE_ASSIGN(matches, compiled_[s].regex->find_all(text.text()));
        }
        if (matches.empty()) break;
        auto replaced = replace(text, matches, step.content, limit);
        if (!replaced) return too_long(input, limit);
        text = *std::move(replaced);
        break;
      }
      case NormalizerKind::strip:
        text = strip(text, step.left, step.right);
        break;
      case NormalizerKind::clean_controls:
        text = clean_controls(text);
        break;
      case NormalizerKind::space_cjk:
        text = space_cjk(text);
        break;
      case NormalizerKind::charsmap: {
        auto mapped = apply_by_graphemes(*compiled_[s].map, text, limit);
        if (!mapped) return too_long(input, limit);
        text = *std::move(mapped);
        break;
      }
    }
    if (text.text().size() > limit) return too_long(input, limit);
  }
  return text;
}

}  // namespace mote::text
