#include "engine/draft/model_drafter.h"

#include <algorithm>

namespace mote::engine {

Result<Draft> ModelDrafter::propose(std::span<const TokenId> tokens, std::size_t most) {
  draft_.clear();
  if (tokens.size() > session_->context()) return Draft{};
  MOTE_ASSIGN(const std::size_t shared, session_->reuse_prefix(tokens));
  std::span<const TokenId> next = tokens.subspan(shared);
  while (draft_.size() < most) {
    MOTE_ASSIGN(const std::span<const float> logits, session_->feed(next, LogitsWanted::last));
    draft_.push_back(static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin()));
    if (session_->position() == session_->context()) break;
    next = std::span(&draft_.back(), 1);
  }
  return Draft{draft_, 0};
}

}  // namespace mote::engine
