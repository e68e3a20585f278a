#include "model/spec.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "model/ranges.h"

namespace mote::model {
namespace {

Result<void> check_divisors(std::string_view name, const std::vector<float>& divisors, std::uint32_t dims) {
  if (!divisors.empty() && divisors.size() != dims / 2) {
    return out_of_range(name, std::to_string(divisors.size()) + " elements", std::to_string(dims / 2));
  }
  for (const float divisor : divisors) {
    MOTE_TRY(check_real(name, static_cast<double>(divisor), 1e-6, 1e9));
  }
  return {};
}

Result<void> validate_rope(RopeSpec& rope, std::uint32_t head_dim) {
  MOTE_TRY(check_count("rope.dimension_count", rope.dims, 2, head_dim));
  if (rope.dims % 2 != 0) {
    return out_of_range("rope.dimension_count", std::to_string(rope.dims), "an even number");
  }
  MOTE_TRY(check_real("rope.freq_base", rope.base, 1.0, 1e15));
  MOTE_TRY(check_real("rope.scaling.factor", rope.factor, 1e-3, 1e6));
  MOTE_TRY(check_real("rope.scaling.attn_factor", rope.attention_factor, 1e-3, 1e3));
  const bool scaled = rope.scaling == RopeScaling::llama3 || rope.scaling == RopeScaling::yarn ||
                      rope.scaling == RopeScaling::longrope;
  if (scaled) {
    MOTE_TRY(check_count("rope.scaling.original_context_length", rope.original_context, 1, 1U << 28U));
  }
  if (rope.scaling == RopeScaling::yarn) {
    // The ramp divides by ln(base).
    MOTE_TRY(check_real("rope.freq_base", rope.base, 1.001, 1e15));
    MOTE_TRY(check_real("rope.scaling.yarn_beta_fast", rope.beta_fast, 1e-3, 1e6));
    MOTE_TRY(check_real("rope.scaling.yarn_beta_slow", rope.beta_slow, 1e-3, rope.beta_fast));
  }
  if (rope.scaling == RopeScaling::longrope) {
    if (rope.short_divisors.empty() || rope.long_divisors.empty()) {
      return out_of_range("rope_factors_long.weight and rope_factors_short.weight", "missing",
                          "both, as longrope needs them");
    }
    MOTE_TRY(check_divisors("rope_factors_short.weight", rope.short_divisors, rope.dims));
    MOTE_TRY(check_divisors("rope_factors_long.weight", rope.long_divisors, rope.dims));
  }
  if (rope.scaling == RopeScaling::llama3) {
    MOTE_TRY(check_real("rope.scaling.low_freq_factor", rope.low_freq_factor, 1e-3, 1e6));
    MOTE_TRY(check_real("rope.scaling.high_freq_factor", rope.high_freq_factor, 1e-3, 1e6));
    if (rope.high_freq_factor <= rope.low_freq_factor) {
      return out_of_range("rope.scaling.high_freq_factor", number_text(rope.high_freq_factor),
                          "more than low_freq_factor " + number_text(rope.low_freq_factor));
    }
    if (rope.divisors.empty()) rope.divisors = llama3_divisors(rope);
  }
  return check_divisors("rope_freqs.weight", rope.divisors, rope.dims);
}

Result<void> validate_experts(const ExpertSpec& experts) {
  if (experts.count == 0) return {};
  MOTE_TRY(check_count("expert_count", experts.count, 1, kMaxExperts));
  MOTE_TRY(check_count("expert_used_count", experts.used, 1, std::min(experts.count, kMaxExpertsUsed)));
  MOTE_TRY(check_count("expert_feed_forward_length", experts.hidden, 1, 1U << 20U));
  MOTE_TRY(check_count("expert_shared_feed_forward_length", experts.shared_hidden, 0, 1U << 20U));
  return {};
}

}  // namespace

Result<void> validate(ModelSpec& spec) {
  // Upper bounds: far above any known model, low enough that products of two fit 64 bits and element counts
  // of one activation row fit memory.
  MOTE_TRY(check_count("vocab_size", spec.vocab, 1, 1U << 24U));
  MOTE_TRY(check_count("context_length", spec.context, 1, 1U << 28U));
  MOTE_TRY(check_count("embedding_length", spec.width, 1, 1U << 18U));
  MOTE_TRY(check_count("block_count", spec.blocks, 1, 1024));
  MOTE_TRY(check_count("feed_forward_length", spec.hidden, 1, 1U << 20U));
  MOTE_TRY(check_count("attention.head_count", spec.heads, 1, 1024));
  MOTE_TRY(check_count("attention.head_count_kv", spec.kv_heads, 1, spec.heads));
  if (spec.heads % spec.kv_heads != 0) {
    return out_of_range("attention.head_count_kv", std::to_string(spec.kv_heads),
                        "a divisor of head_count " + std::to_string(spec.heads));
  }
  MOTE_TRY(check_count("attention.key_length", spec.head_dim, 2, 1024));
  MOTE_TRY(check_real("attention norm epsilon", spec.norm_eps, 0.0, 1.0));
  MOTE_TRY(validate_experts(spec.experts));
  if (spec.block_specs.empty()) spec.block_specs.resize(spec.blocks);
  MOTE_TRY(check_count("entries of the blocks' pattern", spec.block_specs.size(), spec.blocks, spec.blocks));
  const auto uses = [&](RopeUse use) {
    return std::ranges::any_of(spec.block_specs, [&](const BlockSpec& b) { return b.rope == use; });
  };
  if (uses(RopeUse::global)) MOTE_TRY(validate_rope(spec.rope, spec.head_dim));
  if (uses(RopeUse::local)) MOTE_TRY(validate_rope(spec.local_rope, spec.head_dim));
  if (spec.attention_scale == 0.0) spec.attention_scale = 1.0 / std::sqrt(static_cast<double>(spec.head_dim));
  MOTE_TRY(check_real("attention.scale", spec.attention_scale, 1e-6, 1e3));
  MOTE_TRY(check_real("embedding_scale", spec.embedding_scale, 1e-6, 1e6));
  MOTE_TRY(check_real("residual_scale", spec.residual_scale, 1e-6, 1e6));
  MOTE_TRY(check_real("logit_scale", spec.logit_scale, 1e-6, 1e6));
  // A cap below 1e-3 would turn every score to a sign.
  if (spec.score_cap != 0.0) MOTE_TRY(check_real("attn_logit_softcapping", spec.score_cap, 1e-3, 1e6));
  if (spec.logit_cap != 0.0) MOTE_TRY(check_real("final_logit_softcapping", spec.logit_cap, 1e-3, 1e6));
  MOTE_TRY(check_count("token_type_count", spec.token_types, 0, 1U << 16U));
  return {};
}

std::vector<float> llama3_divisors(const RopeSpec& rope) {
  std::vector<float> divisors(rope.dims / 2);
  const double context = rope.original_context;
  const double low_wavelength = context / rope.low_freq_factor;
  const double high_wavelength = context / rope.high_freq_factor;
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    const double frequency = std::pow(rope.base, -2.0 * static_cast<double>(i) / rope.dims);
    const double wavelength = 2.0 * std::numbers::pi / frequency;
    double divisor = 1.0;
    if (wavelength > low_wavelength) {
      divisor = rope.factor;
    } else if (wavelength >= high_wavelength) {
      const double smooth =
          (context / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
      divisor = 1.0 / ((1.0 - smooth) / rope.factor + smooth);
    }
    divisors[i] = static_cast<float>(divisor);
  }
  return divisors;
}

double yarn_attention_factor(double factor) { return factor <= 1.0 ? 1.0 : 0.1 * std::log(factor) + 1.0; }

double longrope_attention_factor(double factor, std::uint32_t original_context) {
  if (factor <= 1.0 || original_context < 2) return 1.0;
  return std::sqrt(1.0 + std::log(factor) / std::log(static_cast<double>(original_context)));
}

}  // namespace mote::model
