#include "text/tokenizer/offsets.h"

#include <gtest/gtest.h>

#include <utility>

namespace mote::text {
namespace {

using Range = std::pair<std::size_t, std::size_t>;

Range trim(std::string_view text, std::string_view piece, bool first, bool after_prefix, Range range) {
  TokenizerData data;
  data.trim_offsets = true;
  data.trim_after_prefix = after_prefix;
  TokenSpan span;
  span.begin = range.first;
  span.end = range.second;
  trim_span(text, piece, first, data, span);
  return {span.begin, span.end};
}

// Expected: Hugging Face tokenizers 0.23.3, processors.ByteLevel(trim_offsets=True, add_prefix_space=...).
TEST(Offsets, LeaveOutTheWhiteSpaceOfATokenButNotAnAddedSpace) {
  EXPECT_EQ(trim("a b", "\u0120b", false, true, {1, 3}), Range(2, 3));
  EXPECT_EQ(trim("b", "\u0120b", true, true, {0, 1}), Range(0, 1));    // the space was added
  EXPECT_EQ(trim(" b", "\u0120b", true, true, {0, 2}), Range(0, 2));   // or may have been
  EXPECT_EQ(trim(" b", "\u0120b", true, false, {0, 2}), Range(1, 2));  // nothing is ever added
  EXPECT_EQ(trim("  ", "\u0120\u0120", true, true, {0, 2}), Range(2, 2));
  EXPECT_EQ(trim("   b", "\u0120\u0120\u0120b", true, true, {0, 4}), Range(3, 4));
  EXPECT_EQ(trim("x  ", "\u0120\u0120", false, true, {1, 3}), Range(3, 3));
}

}  // namespace
}  // namespace mote::text
