#include "mote/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <string_view>
#include <utility>

#include "base/rng.h"
#include "base/strings.h"
#include "engine/sampler/sampler_penalties.h"
#include "engine/sampler/sampler_stages.h"

namespace mote::engine {
namespace {

std::string shown(double value) {
  std::string text = std::to_string(value);
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// `range` as documented: "[0, 1]" or "(0, 100]".
Result<void> check(std::string_view name, double value, bool holds, std::string_view range) {
  if (holds) return {};
  return Error{kSamplerOption,
               "cannot set up sampling: " + std::string(name) + " is " + shown(value) +
                   ", expected a value in " + std::string(range),
               "choose a value in that range", "", std::nullopt};
}

Result<void> check_between(std::string_view name, double value, double low, double high) {
  return check(name, value, value >= low && value <= high, "[" + shown(low) + ", " + shown(high) + "]");
}

constexpr double kMaxWindow = 1 << 20;
constexpr std::size_t kMaxBreakerTokens = 40;

Result<void> validate(const SamplerOptions& o, std::size_t vocabulary) {
  MOTE_TRY(check("the vocabulary", static_cast<double>(vocabulary),
                 vocabulary >= 1 && vocabulary <= INT32_MAX, "[1, 2147483647]"));
  MOTE_TRY(check_between("temperature", o.temperature, 0, 100));
  MOTE_TRY(check_between("top_k", o.top_k, 0, INT32_MAX));
  MOTE_TRY(check_between("top_p", o.top_p, 0, 1));
  MOTE_TRY(check_between("min_p", o.min_p, 0, 1));
  MOTE_TRY(check_between("typical_p", o.typical_p, 0, 1));
  MOTE_TRY(check_between("min_keep", static_cast<double>(o.min_keep), 1, static_cast<double>(vocabulary)));
  MOTE_TRY(check_between("penalty_last_n", o.penalty_last_n, -1, kMaxWindow));
  MOTE_TRY(check("repetition_penalty", o.repetition_penalty,
                 o.repetition_penalty > 0 && o.repetition_penalty <= 100, "(0, 100]"));
  MOTE_TRY(check_between("frequency_penalty", o.frequency_penalty, -100, 100));
  MOTE_TRY(check_between("presence_penalty", o.presence_penalty, -100, 100));
  MOTE_TRY(check_between("dry_multiplier", o.dry_multiplier, 0, 100));
  MOTE_TRY(check_between("dry_base", o.dry_base, 1, 100));
  MOTE_TRY(check_between("dry_allowed_length", o.dry_allowed_length, 1, kMaxWindow));
  MOTE_TRY(check_between("dry_penalty_last_n", o.dry_penalty_last_n, -1, kMaxWindow));
  for (const std::vector<TokenId>& breaker : o.dry_sequence_breakers) {
    MOTE_TRY(check_between("the length of a dry_sequence_breaker", static_cast<double>(breaker.size()), 1,
                           static_cast<double>(kMaxBreakerTokens)));
  }
  MOTE_TRY(check_between("xtc_probability", o.xtc_probability, 0, 1));
  return check_between("xtc_threshold", o.xtc_threshold, 0, 1);
}

// The lower id on a tie.
TokenId most_likely(std::span<const float> logits) {
  return static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin());
}

Error logits_error(const std::string& what) {
  return {kSamplerLogits, "cannot sample a token: " + what,
          "check the model file with `mote inspect --verify`", "", std::nullopt};
}

}  // namespace

struct Sampler::State {
  State(const SamplerOptions& given, std::size_t size)
      : options(given), vocabulary(size), rng(given.seed), penalties(given, size), candidates(size) {
    if (penalties.active()) changed.resize(size);
  }

  SamplerOptions options;
  std::size_t vocabulary;
  Rng rng;
  Penalties penalties;
  Candidates candidates;
  std::vector<float> changed;  // logits after penalties
};

Sampler::Sampler(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;
Sampler::~Sampler() = default;

Result<Sampler> Sampler::create(const SamplerOptions& options, std::size_t vocabulary) {
  MOTE_TRY(validate(options, vocabulary));
  try {
    return Sampler(std::make_unique<State>(options, vocabulary));
  } catch (const std::bad_alloc&) {
    return Error{kSamplerOption,
                 "cannot set up sampling: out of memory for " + with_thousands(vocabulary) + " tokens", "",
                 "", std::nullopt};
  }
}

Result<TokenId> Sampler::sample(std::span<const float> logits) {
  State& s = *state_;
  const SamplerOptions& o = s.options;
  if (logits.size() != s.vocabulary) {
    return logits_error("got " + with_thousands(logits.size()) + " logits for a vocabulary of " +
                        with_thousands(s.vocabulary));
  }
  bool all_masked = true;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] <= std::numeric_limits<float>::max())) {
      return logits_error("the logit of token " + std::to_string(i) +
                          (std::isnan(logits[i]) ? " is not a number" : " is infinite"));
    }
    all_masked = all_masked && std::isinf(logits[i]);
  }
  if (all_masked) return logits_error("all tokens are masked");
  if (s.penalties.active()) {
    std::ranges::copy(logits, s.changed.begin());
    s.penalties.apply(s.changed);
    logits = s.changed;
  }
  if (o.temperature == 0) return most_likely(logits);
  s.candidates.fill(logits, static_cast<std::size_t>(o.top_k) == 0
                                ? 0
                                : std::max(static_cast<std::size_t>(o.top_k), o.min_keep));
  s.candidates.keep_typical(o.typical_p, o.min_keep);
  s.candidates.keep_top_p(o.top_p, o.min_keep);
  s.candidates.keep_min_p(o.min_p, o.min_keep);
  s.candidates.exclude_top_choices(o.xtc_probability, o.xtc_threshold, o.min_keep, s.rng);
  return s.candidates.draw(o.temperature, s.rng);
}

void Sampler::accept(TokenId token) { state_->penalties.accept(token); }

void Sampler::reset() {
  state_->penalties.reset();
  state_->rng = Rng(state_->options.seed);
}

const SamplerOptions& Sampler::options() const { return state_->options; }

}  // namespace mote::engine
