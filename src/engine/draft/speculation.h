// Drafts of one generation: which are made, which are checked, what became of them.
#pragma once

#include <vector>

#include "engine/draft/draft_pace.h"
#include "engine/draft/drafter.h"

namespace mote::engine {

class Speculation {
 public:
  // `drafter` outlives it. At most `most` tokens are checked at once.
  Speculation(Drafter& drafter, std::size_t most);

  // Tokens to check together with the last one of `tokens`, the whole sequence; at most `room`. Valid until
  // the next call.
  Result<std::span<const TokenId>> draft(std::span<const TokenId> tokens, std::size_t room);
  // The next token of the sequence.
  void saw_token(TokenId token);
  // A step of so many tokens took so long.
  void saw_step(std::size_t tokens, double seconds) { pace_.saw_step(tokens, seconds); }

 private:
  Drafter* drafter_;
  DraftPace pace_;
  std::size_t most_;
  std::size_t silent_ = 0;  // calls without a draft of a drafter that costs something
  // A draft whose fate is being watched, checked by the model or not.
  std::vector<TokenId> watched_;
  std::size_t right_ = 0;
  std::size_t grade_ = 0;
};

}  // namespace mote::engine
