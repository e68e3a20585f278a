// Penalties that look at the tokens so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mote/sampler.h"

namespace mote::engine {

class Penalties {
 public:
  Penalties(const SamplerOptions& options, std::size_t vocabulary);

  [[nodiscard]] bool active() const { return uses_counts_ || uses_dry_; }
  void accept(TokenId token);
  void reset() { history_.clear(); }

  // Changes the logits of tokens in the history:
  // - repetition (Keskar et al. 2019, "CTRL", section 4.1): l / r where l > 0, else l * r;
  // - frequency and presence (OpenAI's API reference): l - count * frequency - presence;
  // - DRY (its author's description, text-generation-webui pull request 5677): where the end of the history
  //   repeats an earlier stretch of n >= allowed_length tokens, the token that followed it loses
  //   multiplier * base^(n - allowed_length). A stretch does not reach over a sequence breaker, and a breaker
  //   of one token is never punished.
  void apply(std::span<float> logits);

 private:
  [[nodiscard]] std::span<const TokenId> window(std::int32_t last_n) const;
  void apply_counts(std::span<float> logits);
  void apply_dry(std::span<float> logits);
  [[nodiscard]] std::size_t tokens_since_breaker(std::span<const TokenId> tokens) const;
  [[nodiscard]] bool is_breaker(TokenId token) const;

  const SamplerOptions options_;
  std::size_t vocabulary_;
  bool uses_counts_;
  bool uses_dry_;
  std::size_t keep_;  // how much of the history matters; 0 is everything
  std::vector<TokenId> history_;
  std::vector<std::uint32_t> per_token_;  // a counter per token, zero between calls
  std::vector<TokenId> touched_;
  std::vector<std::size_t> repeats_;
};

}  // namespace mote::engine
