// Picks the next token from the logits.
//
// The stages and their order follow llama.cpp's default chain, so that settings carry over: penalties, DRY,
// top-k, typical, top-p, min-p, XTC, temperature, draw. Each stage is an equation from a paper or its
// author's description (see sampler_stages.h); ties go to the lower token id; draws come from one seeded
// generator. The same logits, options and history give the same token on every machine whose exp and log
// agree.
//
// Not thread safe: one per sequence. After the first call nothing is allocated per token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mote/error.h"
#include "mote/result.h"
#include "mote/tokenizer.h"

namespace mote::engine {

inline constexpr ErrorCode kSamplerOption{"SAMPLER_OPTION", ErrorKind::invalid_argument};
inline constexpr ErrorCode kSamplerLogits{"SAMPLER_LOGITS", ErrorKind::corrupt_data};

// Every field with its neutral value, which switches the stage off. Defaults are llama.cpp's.
struct SamplerOptions {
  double temperature = 0.8;  // [0, 100]; 0 takes the most likely token after penalties ("greedy")
  std::int32_t top_k = 40;   // [0, 2^31); 0 keeps all
  double top_p = 0.95;       // [0, 1]; 1 keeps all
  double min_p = 0.05;       // [0, 1]; 0 keeps all
  double typical_p = 1.0;    // [0, 1]; 1 keeps all
  std::size_t min_keep = 1;  // [1, vocabulary]: no stage leaves fewer tokens, where it had as many

  std::int32_t penalty_last_n =
      64;                           // [-1, 2^20]: how far back the penalties look; 0 is off, -1 is everything
  double repetition_penalty = 1.0;  // (0, 100]; 1 is off
  double frequency_penalty = 0.0;   // [-100, 100]; 0 is off
  double presence_penalty = 0.0;    // [-100, 100]; 0 is off

  double dry_multiplier = 0.0;           // [0, 100]; 0 is off
  double dry_base = 1.75;                // [1, 100]
  std::int32_t dry_allowed_length = 2;   // [1, 2^20]: repeats this long cost nothing
  std::int32_t dry_penalty_last_n = -1;  // [-1, 2^20]: as penalty_last_n
  // Token sequences that end a repeat; the caller tokenizes the breaker strings ("\n", ":", "\"", "*"). Each
  // of 1 to 40 tokens.
  std::vector<std::vector<TokenId>> dry_sequence_breakers;

  double xtc_probability = 0.0;  // [0, 1]; 0 is off
  double xtc_threshold = 0.1;    // [0, 1]; above 0.5 is off

  std::uint64_t seed = 0;
};

class Sampler {
 public:
  // Errors: SAMPLER_OPTION (names the option, the value and its range).
  static Result<Sampler> create(const SamplerOptions& options, std::size_t vocabulary);

  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;
  ~Sampler();

  // The next token; does not add it to the history. `logits` has one value per token of the vocabulary;
  // tokens at -infinity (masked) are never taken. Errors: SAMPLER_LOGITS for a wrong count, NaN, +infinity,
  // or where nothing is left to take.
  Result<TokenId> sample(std::span<const float> logits);

  // Adds a token of the prompt or a generated one to the history that penalties and DRY look at.
  void accept(TokenId token);

  // Forgets the history and starts the generator from the seed again.
  void reset();

  [[nodiscard]] const SamplerOptions& options() const;

 private:
  struct State;
  explicit Sampler(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mote::engine
