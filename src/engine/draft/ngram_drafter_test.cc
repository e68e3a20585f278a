#include "engine/draft/ngram_drafter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"

namespace mote::engine {
namespace {

using Tokens = std::vector<TokenId>;

Tokens propose(NgramDrafter& drafter, const Tokens& tokens, std::size_t most) {
  const auto draft = drafter.propose(tokens, most);
  EXPECT_TRUE(draft);
  return Tokens(draft->tokens.begin(), draft->tokens.end());
}

// The definition, place by place: the longest agreement with the end, of equal ones the newest, two tokens at
// least; what stood behind it, going on into itself.
Tokens by_definition(const Tokens& tokens, std::size_t most) {
  const std::size_t n = tokens.size();
  std::size_t best = 0;
  std::size_t length = 1;
  for (std::size_t place = n - 1; place-- > 0;) {
    std::size_t same = 0;
    while (same <= place && tokens[place - same] == tokens[n - 1 - same]) ++same;
    if (same > length) {
      length = same;
      best = place + 1;
    }
  }
  Tokens out;
  Tokens all = tokens;
  for (std::size_t i = 0; best > 0 && i < most; ++i) {
    out.push_back(all[best + i]);
    all.push_back(out.back());
  }
  return out;
}

TEST(NgramDrafter, ProposesWhatFollowedTheLongestAgreement) {
  NgramDrafter drafter(64);
  EXPECT_EQ(propose(drafter, {1, 2, 3, 4, 9, 2, 3, 5, 8, 1, 2, 3}, 3), (Tokens{4, 9, 2}));
}

TEST(NgramDrafter, OfEqualAgreementsTheNewestIsTaken) {
  NgramDrafter drafter(64);
  EXPECT_EQ(propose(drafter, {2, 3, 5, 0, 2, 3, 6, 1, 2, 3}, 1), (Tokens{6}));
}

TEST(NgramDrafter, ARepetitionGoesOnIntoItself) {
  NgramDrafter drafter(64);
  EXPECT_EQ(propose(drafter, {7, 1, 2, 1, 2}, 5), (Tokens{1, 2, 1, 2, 1}));
}

TEST(NgramDrafter, ProposesNothingWithoutAnAgreementOfTwoTokens) {
  NgramDrafter drafter(64);
  EXPECT_TRUE(propose(drafter, {}, 4).empty());
  EXPECT_TRUE(propose(drafter, {1}, 4).empty());
  EXPECT_TRUE(propose(drafter, {1, 1}, 4).empty());
  EXPECT_TRUE(propose(drafter, {1, 2, 3, 4, 5, 2}, 4).empty());
  EXPECT_TRUE(propose(drafter, {1, 2, 1, 2}, 0).empty());
}

TEST(NgramDrafter, EqualsTheDefinitionOnGrowingRandomSequences) {
  Rng rng(5);
  std::size_t proposed = 0;
  for (int round = 0; round < 30; ++round) {
    // As many different tokens as keep any pair below the number of places that are looked at.
    const std::uint64_t alphabet = 5 + 2 * static_cast<std::uint64_t>(round % 5);
    NgramDrafter drafter(300);
    Tokens tokens;
    while (tokens.size() < 20 * alphabet) {
      const std::size_t grow = 1 + rng.next_below(4);
      for (std::size_t i = 0; i < grow; ++i) tokens.push_back(static_cast<TokenId>(rng.next_below(alphabet)));
      const Tokens wanted = by_definition(tokens, 6);
      ASSERT_EQ(propose(drafter, tokens, 6), wanted) << tokens.size() << " tokens of " << alphabet;
      proposed += wanted.size();
    }
  }
  EXPECT_GT(proposed, 1000U);
}

TEST(NgramDrafter, GradesGrowWithTheAgreement) {
  std::vector<std::size_t> grades;
  for (const std::size_t length : {2, 3, 4, 5, 8, 9, 20}) {
    Tokens tokens;
    for (std::size_t i = 0; i < length; ++i) tokens.push_back(static_cast<TokenId>(100 + i));
    tokens.push_back(1);
    for (std::size_t i = 0; i < length; ++i) tokens.push_back(static_cast<TokenId>(100 + i));
    NgramDrafter drafter(64);
    grades.push_back(drafter.propose(tokens, 1)->grade);
  }
  EXPECT_EQ(grades, (std::vector<std::size_t>{0, 1, 1, 2, 2, 3, 3}));
}

}  // namespace
}  // namespace mote::engine
