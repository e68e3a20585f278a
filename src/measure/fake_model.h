// For tests: a "model" whose logits are a fixed function of the tokens so far, so that any figure can be
// recomputed from scratch without it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "measure/logit_model.h"

namespace mote::measure {

class FakeModel : public LogitModel {
 public:
  // Models of one `family` are similar; `noise` is how far this one is from the family's own logits.
  FakeModel(std::size_t vocabulary, std::uint64_t family, double noise, std::uint64_t noise_seed)
      : vocabulary_(vocabulary), family_(family), noise_(noise), noise_seed_(noise_seed) {}

  [[nodiscard]] std::size_t vocabulary() const override { return vocabulary_; }
  Result<void> restart() override {
    context_.clear();
    ++restarts_;
    return {};
  }
  Result<std::span<const float>> feed(std::span<const std::int32_t> tokens, std::size_t first_row) override {
    rows_.clear();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      context_.push_back(tokens[i]);
      if (i < first_row) continue;
      const std::vector<float> row = logits_after(context_);
      rows_.insert(rows_.end(), row.begin(), row.end());
    }
    return std::span<const float>(rows_);
  }

  [[nodiscard]] std::vector<float> logits_after(std::span<const std::int32_t> context) const {
    std::uint64_t state = 17;
    for (const std::int32_t t : context)
      state = state * 6364136223846793005ULL + static_cast<std::uint64_t>(t) + 1;
    Rng own(state ^ family_);
    Rng noise(state ^ noise_seed_);
    std::vector<float> row(vocabulary_);
    for (float& x : row) x = static_cast<float>(3.0 * own.next_normal() + noise_ * noise.next_normal());
    return row;
  }
  [[nodiscard]] std::size_t restarts() const { return restarts_; }

 private:
  std::size_t vocabulary_;
  std::uint64_t family_;
  double noise_;
  std::uint64_t noise_seed_;
  std::size_t restarts_ = 0;
  std::vector<std::int32_t> context_;
  std::vector<float> rows_;
};

}  // namespace mote::measure
