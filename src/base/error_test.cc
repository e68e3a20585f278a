#include "mote/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace mote {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

constexpr ErrorCode kCode{"TEST_CODE", ErrorKind::corrupt_data};

// DESIGN's table of exit codes, written out.
TEST(ExitStatus, FollowsFromTheKindAlone) {
  EXPECT_EQ(exit_status(ErrorKind::failed), 1);
  EXPECT_EQ(exit_status(ErrorKind::invalid_argument), 2);
  EXPECT_EQ(exit_status(ErrorKind::quality_gate), 3);
  EXPECT_EQ(exit_status(ErrorKind::resource_exhausted), 4);
  EXPECT_EQ(exit_status(ErrorKind::corrupt_data), 5);
  EXPECT_EQ(exit_status(ErrorKind::unavailable), 6);
  EXPECT_EQ(exit_status(ErrorKind::cancelled), 130);
  EXPECT_EQ(exit_status(ErrorKind::internal), 1);
}

TEST(FormatError, IsOneLineWithAllParts) {
  const Error error{kCode, "expected 24 bytes, found 3", "download it again", "model.gguf", 1234567};
  EXPECT_EQ(format_error(error),
            "error[TEST_CODE] model.gguf: expected 24 bytes, found 3, at byte 1,234,567; download it again");
  EXPECT_EQ(format_error({kCode, "no file at hand", "", "", std::nullopt}),
            "error[TEST_CODE]: no file at hand");
}

TEST(FormatError, NeverExceedsFiveHundredBytesAndStaysValidUtf8) {
  for (std::size_t pad = 0; pad < 8; ++pad) {
    std::string umlauts(pad, 'a');
    for (int i = 0; i < 2000; ++i) umlauts += "\xC3\xA4";
    const std::string line = format_error({kCode, umlauts, umlauts, umlauts, UINT64_MAX});
    EXPECT_LE(line.size(), 500U);
    EXPECT_TRUE(is_valid_utf8(line));
    EXPECT_THAT(line, EndsWith("..."));
  }
}

TEST(FormatError, EscapesWhatAFileMayHavePutThere) {
  const std::string line = format_error({kCode, "name \"a\nb\x1B[2J\"", "", "x\r.gguf", std::nullopt});
  EXPECT_EQ(line, "error[TEST_CODE] x\\x0D.gguf: name \"a\\x0Ab\\x1B[2J\"");
}

TEST(EscapeUntrusted, ShowsControlsBidiOverridesAndBadBytesAsHex) {
  EXPECT_EQ(escape_untrusted("plain \xC3\xA4\xE4\xBD\xA0"), "plain \xC3\xA4\xE4\xBD\xA0");
  EXPECT_EQ(escape_untrusted(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(escape_untrusted("\x7F\xC2\x9B"), "\\x7F\\xC2\\x9B");  // DEL, C1
  EXPECT_EQ(escape_untrusted("\xE2\x80\xAE"
                             "x"),
            "\\xE2\\x80\\xAEx");  // right-to-left override
  EXPECT_EQ(escape_untrusted("\xFFz\xC3"), "\\xFFz\\xC3");
}

TEST(EscapeUntrusted, CutsLongTextWithDots) {
  const std::string cut = escape_untrusted(std::string(1000, 'x'), 50);
  EXPECT_EQ(cut, std::string(50, 'x') + "...");
  EXPECT_EQ(escape_untrusted("exactly", 7), "exactly");
  EXPECT_THAT(escape_untrusted(std::string(1000, '\n'), 50), StartsWith("\\x0A"));
  EXPECT_LE(escape_untrusted(std::string(1000, '\n'), 50).size(), 60U);
}

}  // namespace
}  // namespace mote
