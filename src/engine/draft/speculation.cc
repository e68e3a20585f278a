#include "engine/draft/speculation.h"

#include <algorithm>
#include <chrono>

namespace mote::engine {
namespace {

// A drafter that costs something and does not pay is asked again after so many tokens, for so few.
constexpr std::size_t kAskAgain = 32;
constexpr std::size_t kAskFor = 2;

}  // namespace

Speculation::Speculation(Drafter& drafter, std::size_t most)
    : drafter_(&drafter), pace_(most), most_(std::min(most, kMostDraft)) {
  watched_.reserve(most_);
}

Result<std::span<const TokenId>> Speculation::draft(std::span<const TokenId> tokens, std::size_t room) {
  std::size_t wanted = std::min(room, most_);
  const bool free = drafter_->free_of_cost();
  if (!free) {
    std::size_t worthwhile = pace_.choose(0, wanted);
    if (worthwhile == 0 && ++silent_ >= kAskAgain) worthwhile = kAskFor;
    wanted = std::min(wanted, worthwhile);
  }
  if (wanted == 0) return std::span<const TokenId>{};
  silent_ = 0;
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  MOTE_ASSIGN(const Draft draft, drafter_->propose(tokens, wanted));
  if (draft.tokens.empty()) return std::span<const TokenId>{};
  if (!free)
    pace_.saw_proposal(draft.tokens.size(), std::chrono::duration<double>(Clock::now() - start).count());
  if (watched_.empty()) {
    watched_.assign(draft.tokens.begin(), draft.tokens.end());
    grade_ = draft.grade;
    right_ = 0;
  }
  return free ? draft.tokens.first(pace_.choose(draft.grade, draft.tokens.size())) : draft.tokens;
}

void Speculation::saw_token(TokenId token) {
  if (watched_.empty()) return;
  const bool wrong = watched_[right_] != token;
  if (!wrong && ++right_ < watched_.size()) return;
  pace_.saw_draft(grade_, right_, wrong);
  watched_.clear();
}

}  // namespace mote::engine
