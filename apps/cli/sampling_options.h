// Options of the sampler, with llama.cpp's spellings.
#pragma once

#include "apps/cli/option.h"
#include "mote/result.h"
#include "mote/sampler.h"

namespace mote::cli {

struct SamplingSettings {
  double temperature = 0.8;
  std::int64_t top_k = 40;
  double top_p = 0.95;
  double min_p = 0.05;
  double typical_p = 1.0;
  std::int64_t penalty_last_n = 64;
  double repeat_penalty = 1.0;
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  double dry_multiplier = 0.0;
  double dry_base = 1.75;
  std::int64_t dry_allowed_length = 2;
  std::int64_t dry_penalty_last_n = -1;
  double xtc_probability = 0.0;
  double xtc_threshold = 0.1;
  std::int64_t seed = -1;  // -1: a different one each time

  std::vector<Option> options();
  // Ranges are the sampler's to check; `tokenizer` turns DRY's usual breakers into tokens. Fills in a seed.
  [[nodiscard]] Result<engine::SamplerOptions> sampler_options(const Tokenizer& tokenizer) const;
};

}  // namespace mote::cli
