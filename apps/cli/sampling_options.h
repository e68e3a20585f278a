// Options of the sampler, with llama.cpp's spellings.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "apps/cli/option.h"
#include "model/sampling_defaults.h"
#include "mote/result.h"
#include "mote/sampler.h"

namespace mote::cli {

struct SamplingSettings {
  // Where they are not given, the model's own, else the sampler's.
  std::optional<double> temperature;
  std::optional<std::int64_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repeat_penalty;
  double typical_p = 1.0;
  std::int64_t penalty_last_n = 64;
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
  [[nodiscard]] Result<engine::SamplerOptions> sampler_options(const Tokenizer& tokenizer,
                                                               const model::SamplingDefaults& defaults) const;
};

}  // namespace mote::cli
