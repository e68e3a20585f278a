// A smaller model drafts: its most likely tokens, one after the other.
#pragma once

#include <vector>

#include "engine/draft/drafter.h"
#include "engine/session.h"

namespace mote::engine {

class ModelDrafter final : public Drafter {
 public:
  // `session` outlives it; of a model with the vocabulary of the one that checks. It is left holding what it
  // was shown.
  explicit ModelDrafter(Session& session) : session_(&session) {}

  // Nothing where the session's context is full.
  Result<Draft> propose(std::span<const TokenId> tokens, std::size_t most) override;
  [[nodiscard]] bool free_of_cost() const override { return false; }

 private:
  Session* session_;
  std::vector<TokenId> draft_;
};

}  // namespace mote::engine
