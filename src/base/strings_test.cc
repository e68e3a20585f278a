#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/rng.h"
#include "base/text_search.h"

namespace mote {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseNumbers, TakeWholeTextOnly) {
  EXPECT_EQ(parse_uint64("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_uint64("007"), 7U);
  for (const char* bad : {"", " 1", "1 ", "+1", "-1", "1.0", "0x10", "18446744073709551616", "1e3", "one"}) {
    EXPECT_EQ(parse_uint64(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_int64("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(parse_int64("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_double("-2.5e-3"), -0.0025);
  EXPECT_EQ(parse_double("1.5x"), std::nullopt);
  EXPECT_EQ(parse_double(""), std::nullopt);
}

TEST(Numbers, AreWrittenForReaders) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(1234567), "1,234,567");
  EXPECT_EQ(with_thousands(UINT64_MAX), "18,446,744,073,709,551,615");
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(std::uint64_t{512} << 20), "512 MiB");
  EXPECT_EQ(human_bytes(std::uint64_t{3} << 40), "3.0 TiB");
}

TEST(Nearest, FindsSlipsBestFirstAndNothingElse) {
  constexpr std::array<std::string_view, 5> kWords = {"quantize", "perplexity", "inspect", "bench",
                                                      "compare"};
  EXPECT_THAT(nearest("quantise", kWords), ElementsAre("quantize"));
  EXPECT_THAT(nearest("BENHC", kWords), IsEmpty());  // two edits in five letters are more than a third
  EXPECT_THAT(nearest("benchh", kWords), ElementsAre("bench"));
  EXPECT_THAT(nearest("inspekt", kWords), ElementsAre("inspect"));
  EXPECT_THAT(nearest("xyz", kWords), IsEmpty());
  constexpr std::array<std::string_view, 5> kTypes = {"q4_0", "q4_1", "q5_0", "q4_k", "q6_k"};
  EXPECT_THAT(nearest("q4_2", kTypes), ElementsAre("q4_0", "q4_1", "q4_k"));
  EXPECT_THAT(nearest(std::string(100000, 'q'), kTypes), IsEmpty());
}

TEST(Join, PutsTheSeparatorBetween) {
  const std::array<std::string, 3> parts = {"a", "", "c"};
  EXPECT_EQ(join(parts, ", "), "a, , c");
  EXPECT_EQ(join({}, ", "), "");
}

TEST(ToLowerAscii, LeavesOtherBytesAlone) { EXPECT_EQ(to_lower_ascii("Q4_K \xC3\x84Z"), "q4_k \xC3\x84z"); }

// RFC 3629: the encoder must produce and the decoder accept exactly the well-formed sequences. All code
// points round trip, which leaves the sequences of table 3-7 (Unicode 15) that must be refused.
TEST(Utf8, RoundTripsEveryCodePoint) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    ASSERT_EQ(text.size(), c < 0x80 ? 1U : c < 0x800 ? 2U : c < 0x10000 ? 3U : 4U);
    std::size_t at = 0;
    ASSERT_EQ(next_code_point(text, at), c);
    ASSERT_EQ(at, text.size());
    ASSERT_TRUE(is_valid_utf8(text)) << static_cast<std::uint32_t>(c);
  }
}

TEST(Utf8, RefusesEveryMalformedSequence) {
  const std::string_view bad[] = {"\x80",
                                  "\xBF",  // continuation without a lead
                                  "\xC0\x80",
                                  "\xC1\xBF",  // overlong
                                  "\xE0\x80\x80",
                                  "\xE0\x9F\xBF",
                                  "\xF0\x80\x80\x80",
                                  "\xF0\x8F\xBF\xBF",
                                  "\xED\xA0\x80",
                                  "\xED\xBF\xBF",  // surrogates
                                  "\xF4\x90\x80\x80",
                                  "\xF5\x80\x80\x80",
                                  "\xFF",  // past U+10FFFF
                                  "\xC3",
                                  "\xE2\x82",
                                  "\xF0\x9F\x98",  // cut
                                  "\xC3(",
                                  "\xE2\x82(",
                                  "\xE2(\xAC"};
  for (const std::string_view text : bad) {
    EXPECT_FALSE(is_valid_utf8(text));
    std::size_t at = 0;
    EXPECT_EQ(next_code_point(text, at), U'\xFFFD');
    EXPECT_EQ(at, 1U);
  }
  EXPECT_TRUE(is_valid_utf8("\xEF\xBF\xBD"));  // a genuine U+FFFD is no error
  EXPECT_TRUE(is_valid_utf8(""));
}

TEST(Strings, LeavesNoControlCharacterToATerminal) {
  EXPECT_EQ(without_controls("a\tb\n\x1b[2Jc\x07\r\x7f"), "a\tb\n[2Jc");
  // C1: the one-character forms of escape sequences, 0x9B is "ESC [".
  EXPECT_EQ(without_controls("x\xC2\x9B"
                             "31my\xC2\x85z\xC2\x80"),
            "x31myz");
  EXPECT_EQ(without_controls("\xC2\xA0\xC3\xA9 \xE4\xBD\xA0"), "\xC2\xA0\xC3\xA9 \xE4\xBD\xA0");
  EXPECT_EQ(without_controls("\x9b\xff"),
            "\xEF\xBF\xBD\xEF\xBF\xBD");  // a bare byte is a C1 character to some terminals
}

TEST(Strings, FindsTheEndOfValidUtf8) {
  const std::string_view text =
      "a\xC3\xA9\xFF"
      "b\xEF\xBF\xBD\xE2\x82";
  EXPECT_EQ(valid_utf8_end(text), 3U);
  EXPECT_EQ(valid_utf8_end(text, 1), 3U);
  EXPECT_EQ(valid_utf8_end(text, 3), 3U);  // a bad byte: nothing
  EXPECT_EQ(valid_utf8_end(text, 4), 8U);
  EXPECT_EQ(valid_utf8_end(text.substr(0, 3)), 3U);
  EXPECT_EQ(valid_utf8_end("", 0), 0U);
}

// Against the standard library's plain search, on texts where prefixes repeat.
TEST(FindText, AgreesWithTheStandardLibrary) {
  Rng rng(17);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(rng.next_below(30), ' ');
    for (char& c : text) c = static_cast<char>('a' + rng.next_below(2));
    std::string part(rng.next_below(6), ' ');
    for (char& c : part) c = static_cast<char>('a' + rng.next_below(2));
    const std::size_t from = rng.next_below(32);
    ASSERT_EQ(find_text(text, part, from), std::string_view(text).find(part, from)) << text << " " << part;
    ASSERT_EQ(rfind_text(text, part), text.rfind(part)) << text << " " << part;
    if (part.empty()) continue;
    std::vector<std::size_t> expected;
    for (std::size_t end = text.size(); end >= part.size();) {
      const std::size_t found = text.rfind(part, end - part.size());
      if (found == std::string::npos) break;
      expected.push_back(found);
      end = found;
    }
    ASSERT_EQ(find_texts_from_right(text, part, 100), expected) << text << " " << part;
    if (!expected.empty()) {
      ASSERT_EQ(find_texts_from_right(text, part, 1), std::vector{expected.front()});
    }
  }
}

TEST(FindText, TakesTimeInProportionToBothTexts) {
  // Twice 1.2e11 comparisons where every place is looked at by itself.
  const std::string text(1'000'000, 'a');
  EXPECT_EQ(find_text(text, std::string(500'000, 'a') + "b"), std::string::npos);
  EXPECT_EQ(rfind_text(text, std::string(499'999, 'a') + "b"), std::string::npos);
}

}  // namespace
}  // namespace mote
