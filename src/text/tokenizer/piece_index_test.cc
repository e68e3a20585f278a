#include "text/tokenizer/piece_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace mote::text {
namespace {

TEST(PieceIndex, FindsNothingInNothing) {
  EXPECT_FALSE(PieceIndex().find(""));
  EXPECT_FALSE(PieceIndex(std::span<const std::string>()).find("a"));
}

// A tree of the standard library, filled from behind so that the first id stays, is the judge.
TEST(PieceIndex, AgreesWithAnOrderedMap) {
  std::mt19937 rng(5);
  for (const std::size_t count : {1U, 2U, 3U, 255U, 256U, 257U, 20000U}) {
    std::vector<std::string> pieces;
    for (std::size_t i = 0; i < count; ++i) {
      std::string piece(rng() % 5, '\0');  // short: many are equal, some are empty
      for (char& c : piece) c = static_cast<char>(rng() % 7);
      pieces.push_back(std::move(piece));
    }
    std::map<std::string, TokenId, std::less<>> first;
    for (std::size_t i = count; i-- > 0;) first[pieces[i]] = static_cast<TokenId>(i);
    const PieceIndex index(pieces);
    for (const auto& [piece, id] : first) EXPECT_EQ(index.find(piece), id);
    for (int i = 0; i < 1000; ++i) {
      std::string probe(rng() % 6, '\0');
      for (char& c : probe) c = static_cast<char>(rng() % 8);
      const auto it = first.find(probe);
      EXPECT_EQ(index.find(probe), it == first.end() ? std::nullopt : std::optional<TokenId>(it->second));
    }
  }
}

}  // namespace
}  // namespace mote::text
