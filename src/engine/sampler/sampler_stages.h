// The stages that cut the candidates down, each an equation over the probabilities of those that are left:
// p_i = exp(l_i) / sum_j exp(l_j), before temperature, as llama.cpp orders its chain. Every stage keeps at
// least `min_keep` candidates where there were as many. Probabilities are computed in double.
//
// The set is reused from token to token: after the first call nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "mote/tokenizer.h"

namespace mote::engine {

struct Candidate {
  float logit;
  TokenId id;
};

class Candidates {
 public:
  explicit Candidates(std::size_t vocabulary);

  // All tokens that are not at -infinity, or the `top_k` > 0 of them with the highest logits (ties: the lower
  // id). A heap of k while reading, so that a vocabulary of 150,000 costs one pass.
  void fill(std::span<const float> logits, std::size_t top_k);

  // Locally typical sampling (Meister et al. 2022, "Locally Typical Sampling", equation 10): the smallest set
  // of tokens whose surprise -log p is nearest to the entropy H and whose probability sums to at least
  // `mass`.
  void keep_typical(double mass, std::size_t min_keep);

  // Nucleus sampling (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1): the
  // smallest set of most likely tokens whose probability sums to at least `mass`.
  void keep_top_p(double mass, std::size_t min_keep);

  // min-p (Nguyen et al. 2024, "Turning Up the Heat", section 3): tokens with p_i >= ratio * max p.
  void keep_min_p(double ratio, std::size_t min_keep);

  // XTC, "exclude top choices" (its author's description, text-generation-webui pull request 6335): with the
  // given probability, of all tokens with p_i >= threshold only the least likely stays, so that the obvious
  // ones go.
  void exclude_top_choices(double probability, double threshold, std::size_t min_keep, Rng& rng);

  // A draw with p_i proportional to exp(l_i / temperature), temperature > 0. Requires a candidate.
  TokenId draw(double temperature, Rng& rng);

  [[nodiscard]] std::span<const Candidate> view() const { return candidates_; }

 private:
  void normalise();                    // probabilities_ of candidates_, in the same order
  void sort_first(std::size_t count);  // the best `count`, sorted, come first
  [[nodiscard]] float highest_logit() const;

  std::vector<Candidate> candidates_;
  std::vector<double> probabilities_;
  struct Ranked {
    double distance;  // of the surprise from the entropy
    std::size_t index;
  };
  std::vector<Ranked> order_;
  std::vector<Candidate> kept_;
  std::size_t sorted_ = 0;  // how many at the front are sorted and ahead of all others
};

}  // namespace mote::engine
