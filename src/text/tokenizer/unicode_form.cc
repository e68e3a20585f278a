#include "text/tokenizer/unicode_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <optional>

namespace mote::text {
namespace {

std::uint16_t combining_class(char32_t c) {
  return static_cast<std::uint16_t>(utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class);
}

void decompose(char32_t c, bool compatible, std::vector<ChangedCharacter>& out) {
  std::array<utf8proc_int32_t, 32> units{};  // no code point decomposes into more than 18
  int boundary = 0;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                      (compatible ? UTF8PROC_COMPAT : 0));
  const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), units.data(),
                                         static_cast<utf8proc_ssize_t>(units.size()), options, &boundary);
  if (n <= 0 || n > static_cast<utf8proc_ssize_t>(units.size())) {
    out.push_back({c, 0});
    return;
  }
  for (utf8proc_ssize_t i = 0; i < n; ++i)
    out.push_back({static_cast<char32_t>(units[static_cast<std::size_t>(i)]), i == 0 ? 0 : 1});
}

// Canonical order of marks. utf8proc_decompose sorts by insertion, which is quadratic.
void sort_marks(std::vector<ChangedCharacter>& text) {
  for (std::size_t i = 0; i < text.size();) {
    if (combining_class(text[i].value) == 0) {
      ++i;
      continue;
    }
    std::size_t stop = i;
    while (stop < text.size() && combining_class(text[stop].value) != 0) ++stop;
    std::stable_sort(
        text.begin() + static_cast<std::ptrdiff_t>(i), text.begin() + static_cast<std::ptrdiff_t>(stop),
        [](const auto& a, const auto& b) { return combining_class(a.value) < combining_class(b.value); });
    i = stop;
  }
}

// The composite of two characters, nothing where they have none.
std::optional<char32_t> composite(char32_t first, char32_t second) {
  std::array<utf8proc_int32_t, 2> pair{static_cast<utf8proc_int32_t>(first),
                                       static_cast<utf8proc_int32_t>(second)};
  const auto n = utf8proc_normalize_utf32(pair.data(), 2,
                                          static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  return n == 1 ? std::optional<char32_t>(static_cast<char32_t>(pair[0])) : std::nullopt;
}

std::vector<ChangedCharacter> compose(const std::vector<ChangedCharacter>& text) {
  std::vector<ChangedCharacter> out;
  out.reserve(text.size());
  std::optional<std::size_t> starter;  // in `out`
  std::uint16_t last_class = 0;        // of what stands between the starter and the end of `out`
  for (const ChangedCharacter& c : text) {
    const std::uint16_t own = combining_class(c.value);
    if (starter) {
      const bool adjacent = *starter + 1 == out.size();
      // Blocked (Unicode Standard 3.11, D115): something of the same class or a starter lies between.
      const bool blocked = !adjacent && (last_class == 0 || last_class >= own);
      if (!blocked) {
        if (const auto joined = composite(out[*starter].value, c.value)) {
          out[*starter] = {*joined, out[*starter].change + c.change - 1};
          continue;
        }
      }
    }
    if (own == 0) starter = out.size();
    last_class = own;
    out.push_back(c);
  }
  return out;
}

}  // namespace

unsigned char first_lead_changed(UnicodeForm form) {
  // Below U+0300 everything is composed already, and U+0300 is the bytes CC 80; the other forms take
  // characters from U+00A0 on apart, whose lead byte is C2.
  return form == UnicodeForm::nfc ? 0xCC : 0xC2;
}

std::vector<ChangedCharacter> to_form(std::span<const char32_t> run, UnicodeForm form) {
  const bool compatible = form == UnicodeForm::nfkc || form == UnicodeForm::nfkd;
  std::vector<ChangedCharacter> text;
  text.reserve(run.size() + run.size() / 4);
  for (const char32_t c : run) decompose(c, compatible, text);
  sort_marks(text);
  return form == UnicodeForm::nfc || form == UnicodeForm::nfkc ? compose(text) : text;
}

}  // namespace mote::text
