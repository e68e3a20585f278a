#include "apps/cli/sampling_options.h"

#include <limits>
#include <random>

#include "apps/cli/parse.h"

namespace mote::cli {
namespace {

Result<std::int32_t> narrow(std::string_view option, std::int64_t value) {
  if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max()) {
    return bad_value(option, std::to_string(value), "a number of 32 bits");
  }
  return static_cast<std::int32_t>(value);
}

}  // namespace

std::vector<Option> SamplingSettings::options() {
  return {{"--temp,--temperature", "X",
           "temperature; 0 takes the most likely token; default: the model's, else 0.8", &temperature},
          {"--top-k", "N", "keep the N most likely tokens; 0 keeps all", &top_k},
          {"--top-p", "X", "keep the most likely tokens that hold this probability; 1 keeps all", &top_p},
          {"--min-p", "X", "keep tokens with this share of the best one's probability; 0 keeps all", &min_p},
          {"--typical,--typical-p", "X", "locally typical sampling; 1 is off", &typical_p},
          {"--repeat-last-n", "N", "tokens that penalties look back; -1 is all", &penalty_last_n},
          {"--repeat-penalty", "X", "penalty of repeated tokens; 1 is off", &repeat_penalty},
          {"--presence-penalty", "X", "penalty of tokens that occurred; 0 is off", &presence_penalty},
          {"--frequency-penalty", "X", "penalty per occurrence; 0 is off", &frequency_penalty},
          {"--dry-multiplier", "X", "DRY: strength of the penalty of repeated sequences; 0 is off",
           &dry_multiplier},
          {"--dry-base", "X", "DRY: growth with length", &dry_base},
          {"--dry-allowed-length", "N", "DRY: repeats this long cost nothing", &dry_allowed_length},
          {"--dry-penalty-last-n", "N", "DRY: tokens to look back; -1 is all", &dry_penalty_last_n},
          {"--xtc-probability", "X", "XTC: chance to leave out the top choices; 0 is off", &xtc_probability},
          {"--xtc-threshold", "X", "XTC: probability that a top choice has at least", &xtc_threshold},
          {"-s,--seed", "N", "seed; -1 is another one each time", &seed}};
}

Result<engine::SamplerOptions> SamplingSettings::sampler_options(
    const Tokenizer& tokenizer, const model::SamplingDefaults& defaults) const {
  engine::SamplerOptions o;
  const auto choose = [](auto given, auto of_model, auto own) {
    return given.value_or(of_model.value_or(own));
  };
  o.temperature = choose(temperature, defaults.temperature, o.temperature);
  MOTE_ASSIGN(o.top_k, narrow("--top-k", choose(top_k, defaults.top_k, std::int64_t{o.top_k})));
  o.top_p = choose(top_p, defaults.top_p, o.top_p);
  o.min_p = choose(min_p, defaults.min_p, o.min_p);
  o.typical_p = typical_p;
  MOTE_ASSIGN(o.penalty_last_n, narrow("--repeat-last-n", penalty_last_n));
  o.repetition_penalty = choose(repeat_penalty, defaults.repetition_penalty, o.repetition_penalty);
  o.presence_penalty = presence_penalty;
  o.frequency_penalty = frequency_penalty;
  o.dry_multiplier = dry_multiplier;
  o.dry_base = dry_base;
  MOTE_ASSIGN(o.dry_allowed_length, narrow("--dry-allowed-length", dry_allowed_length));
  MOTE_ASSIGN(o.dry_penalty_last_n, narrow("--dry-penalty-last-n", dry_penalty_last_n));
  o.xtc_probability = xtc_probability;
  o.xtc_threshold = xtc_threshold;
  if (dry_multiplier != 0.0) {
    for (const std::string_view breaker : {"\n", ":", "\"", "*"}) {
      MOTE_ASSIGN(std::vector<TokenId> tokens, tokenizer.encode(breaker));
      if (!tokens.empty() && tokens.size() <= 40) o.dry_sequence_breakers.push_back(std::move(tokens));
    }
  }
  if (seed < -1) return bad_value("--seed", std::to_string(seed), "-1 or a number from 0 on");
  if (seed >= 0) {
    o.seed = static_cast<std::uint64_t>(seed);
  } else {
    std::random_device device;
    o.seed = (static_cast<std::uint64_t>(device()) << 31U) ^ device();
  }
  return o;
}

}  // namespace mote::cli
