// How long a draft is worth checking, from what steps of so many tokens took and what became of earlier
// drafts.
//
// With acceptance p per token, a draft of k tokens brings 1 + p + p^2 + ... + p^k tokens on average and costs
// c(k + 1), so the best k maximizes their quotient (Leviathan et al. 2023, arXiv:2211.17192, section 3.3); k
// = 0 is plain generation. What it decides changes speed, never text.
#pragma once

#include <array>
#include <cstddef>

#include "engine/draft/drafter.h"
#include "mote/generate.h"

namespace mote::engine {

class DraftPace {
 public:
  // Drafts are at most `most` tokens long, up to kMostDraft.
  explicit DraftPace(std::size_t most);

  // Tokens of a draft to check, 0 to `available`.
  [[nodiscard]] std::size_t choose(std::size_t grade, std::size_t available) const;
  // A draft was checked, or would have been: how many of its tokens were right, and whether a wrong one came
  // then.
  void saw_draft(std::size_t grade, std::size_t right, bool wrong);
  // A step of `tokens` tokens took so long.
  void saw_step(std::size_t tokens, double seconds);
  // Drafting `tokens` tokens took so long. Never called where that is nothing.
  void saw_proposal(std::size_t tokens, double seconds);

  [[nodiscard]] double acceptance(std::size_t grade) const;  // per token, 0 to 1
  [[nodiscard]] double cost(std::size_t tokens) const;       // of a step, in steps of one token

 private:
  struct Count {
    double right = 0;
    double wrong = 0;
  };
  std::size_t most_;
  std::array<Count, kDraftGrades> counts_{};
  std::array<double, kMostDraft + 2> seconds_{};  // by tokens, 0 where none was seen
  double proposal_seconds_ = 0;                   // per token
};

}  // namespace mote::engine
