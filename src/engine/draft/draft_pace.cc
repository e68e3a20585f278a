#include "engine/draft/draft_pace.h"

#include <algorithm>

namespace mote::engine {
namespace {

// What a token more is taken to cost until a step with it was seen: small batches of packed weights cost 1.5
// steps at 8 tokens where the weights come from memory, more where they lie in a cache.
constexpr double kTokenCost = 0.1;
// Tokens of drafts that count; older ones fade. A change of subject shows within some tens of tokens.
constexpr double kRemembered = 16;
constexpr double kKeepSeconds = 0.9;
// Before anything is known a draft is right more often than not: it is made of what stood there before.
// Little, because it bounds what a grade can fall to: 1 / (16 + 1.5) is 0.06.
constexpr double kPriorRight = 1;
constexpr double kPriorWrong = 0.5;
// A draft has to promise more than measuring steps is off by.
constexpr double kWorthwhile = 1.05;

void blend(double& known, double seen) {
  known = known == 0 ? seen : kKeepSeconds * known + (1 - kKeepSeconds) * seen;
}

}  // namespace

DraftPace::DraftPace(std::size_t most) : most_(std::min(most, kMostDraft)) {}

double DraftPace::acceptance(std::size_t grade) const {
  const Count& c = counts_[grade];
  return (c.right + kPriorRight) / (c.right + c.wrong + kPriorRight + kPriorWrong);
}

double DraftPace::cost(std::size_t tokens) const {
  if (seconds_[1] == 0 || tokens <= 1) return 1 + kTokenCost * static_cast<double>(tokens - 1);
  if (seconds_[tokens] > 0) return std::max(1.0, seconds_[tokens] / seconds_[1]);
  // From the nearest shorter step on; no more than the nearest longer one.
  std::size_t known = tokens;
  while (seconds_[known] == 0) --known;
  double estimate =
      std::max(1.0, seconds_[known] / seconds_[1]) + kTokenCost * static_cast<double>(tokens - known);
  for (std::size_t longer = tokens + 1; longer < seconds_.size(); ++longer) {
    if (seconds_[longer] > 0) return std::min(estimate, std::max(1.0, seconds_[longer] / seconds_[1]));
  }
  return estimate;
}

std::size_t DraftPace::choose(std::size_t grade, std::size_t available) const {
  const double p = acceptance(grade);
  std::size_t best = 0;
  double best_speed = kWorthwhile;
  const double proposal = seconds_[1] == 0 ? 0 : proposal_seconds_ / seconds_[1];
  double tokens = 1;
  double right = 1;
  for (std::size_t k = 1; k <= std::min(available, most_); ++k) {
    right *= p;
    tokens += right;
    const double speed = tokens / (cost(k + 1) + proposal * static_cast<double>(k));
    if (speed > best_speed) {
      best_speed = speed;
      best = k;
    }
  }
  return best;
}

void DraftPace::saw_draft(std::size_t grade, std::size_t right, bool wrong) {
  Count& c = counts_[grade];
  c.right += static_cast<double>(right);
  c.wrong += wrong ? 1.0 : 0.0;
  const double fade = std::min(1.0, kRemembered / std::max(1.0, c.right + c.wrong));
  c.right *= fade;
  c.wrong *= fade;
}

void DraftPace::saw_step(std::size_t tokens, double seconds) {
  if (tokens >= seconds_.size() || seconds <= 0) return;
  blend(seconds_[tokens], seconds);
}

void DraftPace::saw_proposal(std::size_t tokens, double seconds) {
  if (tokens > 0) blend(proposal_seconds_, seconds / static_cast<double>(tokens));
}

}  // namespace mote::engine
