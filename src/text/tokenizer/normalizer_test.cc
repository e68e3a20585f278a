#include "text/tokenizer/normalizer.h"

#include <gtest/gtest.h>

namespace mote::text {
namespace {

std::string to_nfc(std::string_view text) {
  return std::string(apply_form(AlignedText(text, 0, false), UnicodeForm::nfc).text());
}

// Pairs from the Unicode Character Database's NormalizationTest.txt.
TEST(Nfc, ComposesWhatTheUnicodeTestFileComposes) {
  EXPECT_EQ(to_nfc("e\u0301"), "\u00E9");
  EXPECT_EQ(to_nfc("D\u0323\u0307"), "\u1E0C\u0307");
  EXPECT_EQ(to_nfc("D\u0307\u0323"), "\u1E0C\u0307");
  EXPECT_EQ(to_nfc("\u1100\u1161\u11A8"), "\uAC01");
  EXPECT_EQ(to_nfc("\u2126"), "\u03A9");
  EXPECT_EQ(to_nfc("\u0958"), "\u0915\u093C");  // a composition exclusion
  EXPECT_EQ(to_nfc("\u0344"), "\u0308\u0301");
}

TEST(Nfc, LeavesAsciiAndBadBytesAlone) {
  EXPECT_EQ(to_nfc("plain text"), "plain text");
  EXPECT_EQ(to_nfc("e\xFF\u0301\xC3"), "e\xFF\u0301\xC3");
  EXPECT_EQ(to_nfc("\xED\xA0\x80\uFFFD"), "\xED\xA0\x80\uFFFD");
}

TEST(Nfc, SortsAHundredThousandMarksOutOfOrder) {
  std::string text = "a";
  for (int i = 0; i < 100'000; ++i) text += "\u0301\u0323";
  const std::string out = to_nfc(text);
  EXPECT_TRUE(out.starts_with("\u1EA1\u0323"));
  EXPECT_TRUE(out.ends_with("\u0301\u0301"));
}

TEST(Normalize, RunsItsStepsInOrder) {
  const std::vector<NormalizerStep> steps{{.kind = NormalizerKind::replace, .pattern = "a", .content = "b"},
                                          {.kind = NormalizerKind::replace, .pattern = "b", .content = "cc"}};
  const auto normalizer = Normalizer::create(steps);
  ASSERT_TRUE(normalizer);
  const auto out = normalizer->run(AlignedText("ab", 0, false));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->text(), "cccc");
}

}  // namespace
}  // namespace mote::text
