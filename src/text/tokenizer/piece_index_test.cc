#include "text/tokenizer/piece_index.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

#include "text/tokenizer/pair_table.h"

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

// Texts of 16 bytes a stage that libstdc++'s std::hash takes for the same: each stage of MurmurHash64A can be
// turned round, so that a second word undoes what the first did to the state. `ways` pairs for each of two
// stages give ways^2 texts.
std::vector<std::string> texts_of_one_hash(std::uint64_t ways) {
  constexpr std::uint64_t kMul = 0xC6A4A7935BD1E995ULL;
  constexpr std::uint64_t kSeed = 0xC70F6907ULL;
  std::uint64_t inverse = kMul;  // modulo 2^64, each step doubles the bits that are right (Newton)
  for (int i = 0; i < 6; ++i) inverse *= 2 - kMul * inverse;
  const auto shift_mix = [](std::uint64_t v) { return v ^ (v >> 47U); };
  const auto bytes_of = [](std::uint64_t word) {
    std::string out(sizeof word, '\0');
    std::memcpy(out.data(), &word, sizeof word);
    return out;
  };
  std::vector<std::string> texts{""};
  std::uint64_t state = kSeed ^ (32 * kMul);
  for (std::uint64_t stage = 0; stage < 2; ++stage) {
    const std::uint64_t target = 0x1234567 + stage;
    std::vector<std::string> longer;
    for (const std::string& text : texts) {
      for (std::uint64_t first = 0; first < ways; ++first) {
        const std::uint64_t middle = (state ^ (shift_mix(first * kMul) * kMul)) * kMul;
        const std::uint64_t second = shift_mix((middle ^ target) * inverse) * inverse;
        longer.push_back(text + bytes_of(first) + bytes_of(second));
      }
    }
    texts = std::move(longer);
    state = target * kMul;
  }
  return texts;
}

TEST(IdTable, LooksAtFewTextsWhereAllHaveOneHash) {
  const std::vector<std::string> texts = texts_of_one_hash(64);
  for (const std::string& text : texts) {
    ASSERT_EQ(std::hash<std::string_view>{}(text), std::hash<std::string_view>{}(texts[0]))
        << "another standard library: the test needs its hash";
  }
  std::size_t looks = 0;
  const auto text_of = [&](TokenId id) -> std::string_view {
    ++looks;
    return texts[static_cast<std::size_t>(id)];
  };
  IdTable table(7);  // grows on the way
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(table.insert(static_cast<TokenId>(i), text_of), std::nullopt);
    EXPECT_EQ(table.insert(static_cast<TokenId>(i), text_of), static_cast<TokenId>(i));
  }
  for (std::size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(table.find(texts[i], text_of), static_cast<TokenId>(i));
  EXPECT_EQ(table.find("another", text_of), std::nullopt);
  // Three walks for each text of at most kMaxProbes looks and two more; without the limit half the square of
  // their number, 8 million.
  EXPECT_LE(looks, texts.size() * 3 * (kMaxProbes + 2));
  EXPECT_LT(texts.size() * 3 * (kMaxProbes + 2), texts.size() * texts.size() / 2 * 3);
}

// Keys of one slot: the table takes bits 32 and up of key * kFibonacci.
TEST(PairTable, FindsPairsOfOneSlotAsAnOrderedMapDoes) {
  std::vector<std::pair<TokenId, TokenId>> pairs;
  for (TokenId left = 0; pairs.size() < 2000; ++left) {
    for (TokenId right = 0; right < 4096; ++right) {
      const std::uint64_t key = (static_cast<std::uint64_t>(left) << 32U) | static_cast<std::uint64_t>(right);
      if (((key * 0x9E3779B97F4A7C15ULL) >> 32U & 4095U) == 5) pairs.emplace_back(left, right);
    }
  }
  PairTable table(pairs.size());
  std::map<std::pair<TokenId, TokenId>, std::int32_t> expected;
  std::int32_t rank = 0;
  for (const auto& pair : pairs) {
    EXPECT_TRUE(table.insert(pair.first, pair.second, rank, rank));
    EXPECT_FALSE(table.insert(pair.first, pair.second, rank + 1, 0));
    expected.emplace(pair, rank++);
  }
  for (const auto& [pair, at] : expected) {
    const PairTable::Entry* found = table.find(pair.first, pair.second);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->rank, at);
  }
  EXPECT_EQ(table.find(-5, 3), nullptr);
}

}  // namespace
}  // namespace mote::text
