#include "engine/stop_strings.h"

#include <gtest/gtest.h>

namespace mote::engine {
namespace {

TEST(StopStrings, HoldBackWhatMayBecomeOne) {
  StopStrings stops({"<end>"});
  EXPECT_EQ(stops.push("a<e"), "a");
  EXPECT_EQ(stops.push("x"), "<ex");
  EXPECT_EQ(stops.push("b<en"), "b");
  EXPECT_EQ(stops.push("d>tail"), "");
  EXPECT_EQ(stops.found(), "<end>");
  EXPECT_EQ(stops.push("more"), "");
  EXPECT_EQ(stops.finish(), "");
}

TEST(StopStrings, GiveTheRestAtTheEnd) {
  StopStrings stops({"\n\n"});
  EXPECT_EQ(stops.push("line\n"), "line");
  EXPECT_EQ(stops.finish(), "\n");
}

TEST(StopStrings, TakeTheEarliestWhateverTheirOrder) {
  StopStrings stops({"late", "x"});
  EXPECT_EQ(stops.push("abxlate"), "ab");
  EXPECT_EQ(stops.found(), "x");
}

TEST(StopStrings, FindOneThatOverlapsItsOwnStart) {
  StopStrings stops({"aab"});
  std::string out;
  for (const char c : std::string("aaaab")) out += stops.push(std::string(1, c));
  EXPECT_EQ(out, "aa");
  EXPECT_EQ(stops.found(), "aab");
}

TEST(StopStrings, PassEverythingWhereThereAreNone) {
  StopStrings stops({});
  EXPECT_EQ(stops.push("text"), "text");
  EXPECT_EQ(stops.finish(), "");
}

}  // namespace
}  // namespace mote::engine
