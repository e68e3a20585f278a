#include "text/tokenizer/offsets.h"

#include <algorithm>

#include "base/strings.h"
#include "text/tokenizer/unicode_class.h"

namespace mote::text {
namespace {

constexpr char32_t kSpaceLetter = 0x120;  // the space in the byte alphabet

}  // namespace

void trim_span(std::string_view text, std::string_view piece, bool first, const TokenizerData& data,
               TokenSpan& span) {
  std::size_t leading = 0;
  std::size_t trailing = 0;
  bool inside = false;
  for (std::size_t i = 0; i < piece.size();) {
    const char32_t c = next_code_point(piece, i);
    const bool space = c == kSpaceLetter || is_white_space(c);
    trailing = space ? trailing + 1 : 0;
    inside = inside || !space;
    if (!inside) ++leading;
  }
  // A single space before the text may be one that the vocabulary added, and then there is nothing to leave
  // out. Where there are more, the text began with white space, so that none was added.
  if (leading == 1 && (first || span.begin == 0) && data.trim_after_prefix) leading = 0;
  // Each counts one character of the original.
  for (; leading > 0 && span.begin < span.end; --leading) next_code_point(text, span.begin);
  for (; trailing > 0 && span.end > span.begin; --trailing) {
    --span.end;
    while (span.end > span.begin && (static_cast<unsigned char>(text[span.end]) & 0xC0) == 0x80) --span.end;
  }
}

}  // namespace mote::text
