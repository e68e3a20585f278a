#include "text/tokenizer/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/strings.h"
#include "text/tokenizer/errors.h"

namespace mote::text {
namespace {

constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);

std::uint16_t combining_class(utf8proc_int32_t c) {
  return static_cast<std::uint16_t>(utf8proc_get_property(c)->combining_class);
}

void append_composed(std::string& out, const std::vector<char32_t>& run) {
  std::vector<utf8proc_int32_t> units;
  units.reserve(run.size() * 2);
  std::array<utf8proc_int32_t, 32> one{};  // no code point decomposes into more than 4
  int boundary = 0;
  for (const char32_t c : run) {
    const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), one.data(),
                                           static_cast<utf8proc_ssize_t>(one.size()), kOptions, &boundary);
    if (n <= 0 || n > static_cast<utf8proc_ssize_t>(one.size())) {
      units.push_back(static_cast<utf8proc_int32_t>(c));
    } else {
      units.insert(units.end(), one.begin(), one.begin() + n);
    }
  }
  // Canonical order of marks. utf8proc_decompose sorts by insertion, which is quadratic.
  for (std::size_t i = 0; i < units.size();) {
    if (combining_class(units[i]) == 0) {
      ++i;
      continue;
    }
    std::size_t stop = i;
    while (stop < units.size() && combining_class(units[stop]) != 0) ++stop;
    std::stable_sort(units.begin() + static_cast<std::ptrdiff_t>(i),
                     units.begin() + static_cast<std::ptrdiff_t>(stop),
                     [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    i = stop;
  }
  const auto n =
      utf8proc_normalize_utf32(units.data(), static_cast<utf8proc_ssize_t>(units.size()), kOptions);
  for (utf8proc_ssize_t i = 0; i < n; ++i)
    append_utf8(out, static_cast<char32_t>(units[static_cast<std::size_t>(i)]));
}

void replace_all(std::string& text, const std::string& pattern, const std::string& content, std::size_t limit,
                 bool& too_long) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::size_t hit = text.find(pattern, at);
    out.append(text, at, hit == std::string::npos ? std::string::npos : hit - at);
    if (hit == std::string::npos) break;
    out += content;
    at = hit + pattern.size();
    if (out.size() > limit) {
      too_long = true;
      return;
    }
  }
  too_long = out.size() > limit;
  text = std::move(out);
}

}  // namespace

std::string to_nfc(std::string_view text) {
  // Below U+0300 everything is composed already, and U+0300 is the bytes CC 80.
  if (std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0xCC; })) {
    return std::string(text);
  }
  std::string out;
  out.reserve(text.size());
  std::vector<char32_t> run;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i;
    const char32_t c = next_code_point(text, i);
    if (c == 0xFFFD && i - begin == 1) {  // a bad byte: the real U+FFFD takes three
      append_composed(out, run);
      run.clear();
      out.push_back(text[begin]);
    } else {
      run.push_back(c);
    }
  }
  append_composed(out, run);
  return out;
}

Result<std::string> normalize(std::string_view text, std::span<const NormalizerStep> steps) {
  std::string out(text);
  const std::size_t limit = text.size() * 16 + (std::size_t{1} << 20);
  for (const NormalizerStep& step : steps) {
    if (step.nfc) {
      out = to_nfc(out);
      continue;
    }
    bool too_long = false;
    replace_all(out, step.pattern, step.content, limit, too_long);
    if (too_long) {
      return Error{kTokExpansion,
                   "the normalizer of the tokenizer made a text of " + std::to_string(text.size()) +
                       " bytes longer than " + std::to_string(limit) + " bytes",
                   "the tokenizer file is damaged or hostile: take it from its publisher",
                   {},
                   {}};
    }
  }
  return out;
}

}  // namespace mote::text
