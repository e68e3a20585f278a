#include "engine/sampler/sampler_penalties.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mote::engine {

Penalties::Penalties(const SamplerOptions& options, std::size_t vocabulary)
    : options_(options),
      vocabulary_(vocabulary),
      uses_counts_(options.penalty_last_n != 0 &&
                   (options.repetition_penalty != 1 || options.frequency_penalty != 0 ||
                    options.presence_penalty != 0)),
      uses_dry_(options.dry_multiplier > 0 && options.dry_penalty_last_n != 0) {
  const auto needed = [](bool used, std::int32_t last_n) {
    return !used ? std::size_t{1} : last_n < 0 ? std::size_t{0} : static_cast<std::size_t>(last_n);
  };
  const std::size_t counts = needed(uses_counts_, options.penalty_last_n);
  const std::size_t dry = needed(uses_dry_, options.dry_penalty_last_n);
  keep_ = counts == 0 || dry == 0 ? 0 : std::max(counts, dry);
  if (!active()) return;
  per_token_.assign(vocabulary, 0);
  const std::size_t reserve = keep_ == 0 ? std::size_t{4096} : 2 * keep_;
  history_.reserve(reserve);
  touched_.reserve(reserve);
  if (uses_dry_) repeats_.reserve(reserve);
}

void Penalties::accept(TokenId token) {
  if (!active() || token < 0 || static_cast<std::size_t>(token) >= vocabulary_) return;
  // Twice the window is kept, so that the old half is dropped once per window and not at every token.
  if (keep_ > 0 && history_.size() >= 2 * keep_) {
    history_.erase(history_.begin(), history_.end() - static_cast<std::ptrdiff_t>(keep_));
  }
  history_.push_back(token);
}

std::span<const TokenId> Penalties::window(std::int32_t last_n) const {
  const std::span<const TokenId> all(history_);
  return last_n < 0 ? all : all.last(std::min(all.size(), static_cast<std::size_t>(last_n)));
}

void Penalties::apply(std::span<float> logits) {
  if (uses_counts_) apply_counts(logits);
  if (uses_dry_) apply_dry(logits);
}

void Penalties::apply_counts(std::span<float> logits) {
  touched_.clear();
  for (const TokenId token : window(options_.penalty_last_n)) {
    if (per_token_[static_cast<std::size_t>(token)]++ == 0) touched_.push_back(token);
  }
  const float repetition = static_cast<float>(options_.repetition_penalty);
  for (const TokenId token : touched_) {
    std::uint32_t& count = per_token_[static_cast<std::size_t>(token)];
    float& logit = logits[static_cast<std::size_t>(token)];
    if (std::isfinite(logit)) {  // and stays so: a penalty does not mask a token
      const float repeated = logit > 0 ? logit / repetition : logit * repetition;
      const float less = static_cast<float>(count) * static_cast<float>(options_.frequency_penalty) +
                         static_cast<float>(options_.presence_penalty);
      constexpr float kMost = std::numeric_limits<float>::max();
      logit = std::clamp(repeated - less, -kMost, kMost);
    }
    count = 0;
  }
}

std::size_t Penalties::tokens_since_breaker(std::span<const TokenId> tokens) const {
  for (std::size_t begin = tokens.size(); begin-- > 0;) {
    std::size_t longest = 0;
    for (const std::vector<TokenId>& breaker : options_.dry_sequence_breakers) {
      const std::size_t size = breaker.size();
      const bool found =
          size > longest && size <= tokens.size() - begin &&
          std::equal(breaker.begin(), breaker.end(), tokens.begin() + static_cast<std::ptrdiff_t>(begin));
      if (found) longest = size;
    }
    if (longest > 0) return tokens.size() - begin - longest;
  }
  return tokens.size();
}

bool Penalties::is_breaker(TokenId token) const {
  return std::ranges::any_of(options_.dry_sequence_breakers,
                             [&](const auto& breaker) { return breaker.size() == 1 && breaker[0] == token; });
}

void Penalties::apply_dry(std::span<float> logits) {
  const std::span<const TokenId> tokens = window(options_.dry_penalty_last_n);
  const std::size_t size = tokens.size();
  const std::size_t allowed = static_cast<std::size_t>(options_.dry_allowed_length);
  if (size <= allowed) return;
  const std::size_t limit = tokens_since_breaker(tokens);
  if (limit < allowed) return;
  // repeats_[k]: how many tokens before position size - k equal the last ones, by the Z algorithm on the
  // reversed history (Gusfield 1997, section 1.4): linear time.
  const auto reversed = [&](std::size_t i) { return tokens[size - 1 - i]; };
  repeats_.assign(size, 0);
  std::size_t left = 0;
  std::size_t right = 0;  // the stretch [left, right) known to equal the start
  for (std::size_t k = 1; k < size; ++k) {
    std::size_t length = k < right ? std::min(right - k, repeats_[k - left]) : 0;
    while (k + length < size && reversed(length) == reversed(k + length)) ++length;
    repeats_[k] = length;
    if (k + length > right) {
      left = k;
      right = k + length;
    }
  }
  touched_.clear();
  for (std::size_t k = 1; k < size; ++k) {
    const std::size_t length = std::min(repeats_[k], limit);
    if (length < allowed) continue;
    const TokenId follower = tokens[size - k];
    std::uint32_t& longest = per_token_[static_cast<std::size_t>(follower)];
    if (longest == 0) touched_.push_back(follower);
    longest = std::max(longest, static_cast<std::uint32_t>(length));
  }
  for (const TokenId token : touched_) {
    std::uint32_t& longest = per_token_[static_cast<std::size_t>(token)];
    if (!is_breaker(token)) {
      const double penalty =
          options_.dry_multiplier *
          std::pow(options_.dry_base, static_cast<double>(longest - static_cast<std::uint32_t>(allowed)));
      // Finite however long the repeat is: a token that is not masked stays a candidate.
      const double lowest = static_cast<double>(std::numeric_limits<float>::lowest());
      float& logit = logits[static_cast<std::size_t>(token)];
      if (std::isfinite(logit))
        logit = static_cast<float>(std::max(static_cast<double>(logit) - penalty, lowest));
    }
    longest = 0;
  }
}

}  // namespace mote::engine
