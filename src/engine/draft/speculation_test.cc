#include "engine/draft/speculation.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace mote::engine {
namespace {

using Tokens = std::vector<TokenId>;

// Proposes that counting goes on, from an offset that makes it wrong.
class Counting final : public Drafter {
 public:
  explicit Counting(bool free) : free_(free) {}
  Result<Draft> propose(std::span<const TokenId> tokens, std::size_t most) override {
    ++calls;
    draft_.resize(most);
    std::iota(draft_.begin(), draft_.end(), tokens.back() + 1 + offset);
    return Draft{draft_, 0};
  }
  [[nodiscard]] bool free_of_cost() const override { return free_; }
  TokenId offset = 0;
  int calls = 0;

 private:
  bool free_;
  Tokens draft_;
};

// Counts on for `count` tokens as a generation would: tokens checked per step, in order.
std::vector<std::size_t> run(Speculation& speculation, Tokens& sequence, std::size_t count) {
  std::vector<std::size_t> checked;
  const std::size_t end = sequence.size() + count;
  while (sequence.size() < end) {
    const auto draft = speculation.draft(sequence, end - sequence.size());
    EXPECT_TRUE(draft);
    checked.push_back(draft->size());
    const Tokens tokens(draft->begin(), draft->end());
    speculation.saw_step(1 + tokens.size(), 0.01 * (1 + 0.05 * static_cast<double>(tokens.size())));
    for (std::size_t i = 0; sequence.size() < end; ++i) {
      sequence.push_back(sequence.back() + 1);
      speculation.saw_token(sequence.back());
      if (i >= tokens.size() || tokens[i] != sequence.back()) break;
    }
  }
  return checked;
}

TEST(Speculation, ChecksDraftsThatComeTrue) {
  Counting drafter(true);
  Speculation speculation(drafter, 8);
  Tokens sequence{0};
  const auto checked = run(speculation, sequence, 200);
  EXPECT_LT(checked.size(), 40U);  // 8 and one more at a time
}

TEST(Speculation, StopsCheckingDraftsThatDoNotAndGoesOnWhenTheyDoAgain) {
  Counting drafter(true);
  drafter.offset = 5;
  Speculation speculation(drafter, 8);
  Tokens sequence{0};
  auto checked = run(speculation, sequence, 100);
  EXPECT_EQ(checked.back(), 0U);
  EXPECT_EQ(std::accumulate(checked.end() - 80, checked.end(), std::size_t{0}), 0U);
  // Drafts that nobody checks are watched all the same.
  drafter.offset = 0;
  checked = run(speculation, sequence, 200);
  EXPECT_LT(checked.size(), 120U);
}

TEST(Speculation, ADrafterThatCostsIsAskedSeldomWhereItDoesNotPay) {
  Counting drafter(false);
  drafter.offset = 5;
  Speculation speculation(drafter, 8);
  Tokens sequence{0};
  run(speculation, sequence, 100);
  drafter.calls = 0;
  run(speculation, sequence, 320);
  EXPECT_GE(drafter.calls, 8);
  EXPECT_LE(drafter.calls, 11);  // every 32 tokens
}

TEST(Speculation, NoRoomIsNoDraft) {
  Counting drafter(true);
  Speculation speculation(drafter, 8);
  const Tokens sequence{0, 1};
  EXPECT_TRUE(speculation.draft(sequence, 0)->empty());
  EXPECT_LE(speculation.draft(sequence, 1)->size(), 1U);
  EXPECT_EQ(drafter.calls, 1);
}

}  // namespace
}  // namespace mote::engine
