#include "base/hash64.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace mote {
namespace {

// Published values of XXH64 with seed 0 (specification and the README of the Python package xxhash): lengths
// 0, 1, 3 (the byte tail) and 39 (a stripe, no 8-byte word, a 4-byte word, three bytes).
TEST(Hash64, GivesThePublishedValues) {
  EXPECT_EQ(hash64(""), 0xEF46DB3751D8E999ULL);
  EXPECT_EQ(hash64("a"), 0xD24EC4F1A98C6E5BULL);
  EXPECT_EQ(hash64("abc"), 0x44BC2CF5AD770999ULL);
  EXPECT_EQ(hash64("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1ULL);
}

TEST(Hash64, SeesEveryFlippedBitAndEveryLength) {
  std::string text(200, 'x');
  std::set<std::uint64_t> seen = {hash64(text)};
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(seen.insert(hash64(text)).second) << bit;
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
  }
  const std::string zeros(200, '\0');
  std::set<std::uint64_t> lengths;
  for (std::size_t n = 0; n <= zeros.size(); ++n) {
    EXPECT_TRUE(lengths.insert(hash64(std::string_view(zeros).substr(0, n))).second) << n;
  }
}

}  // namespace
}  // namespace mote
