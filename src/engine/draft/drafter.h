// Drafts of what a model will say next. The model checks all tokens of a draft in one step, which costs
// little more than one token where reading the weights takes the time, and goes on behind those that it would
// have said itself (Leviathan et al. 2023, arXiv:2211.17192).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mote/result.h"
#include "mote/tokenizer.h"

namespace mote::engine {

// How much a draft is to be trusted, as far as its origin tells: what became of drafts is counted per grade.
inline constexpr std::size_t kDraftGrades = 4;

struct Draft {
  std::span<const TokenId> tokens;
  std::size_t grade = 0;  // below kDraftGrades
};

class Drafter {
 public:
  Drafter() = default;
  virtual ~Drafter() = default;
  Drafter(const Drafter&) = delete;
  Drafter& operator=(const Drafter&) = delete;

  // Up to `most` tokens to follow `tokens`, the whole sequence so far, which grows at its end from call to
  // call. Valid until the next call.
  virtual Result<Draft> propose(std::span<const TokenId> tokens, std::size_t most) = 0;
  // Whether proposing costs next to nothing, so that drafts can be made only to see what would become of
  // them.
  [[nodiscard]] virtual bool free_of_cost() const = 0;
};

}  // namespace mote::engine
