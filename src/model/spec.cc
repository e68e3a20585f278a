#include "model/spec.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "model/arch.h"

namespace mote::model {
namespace {

std::string number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

Error out_of_range(std::string_view name, const std::string& value, const std::string& range) {
  return {.code = kModelHparam,
          .message = "cannot use the model: " + std::string(name) + " is " + value + ", expected " + range,
          .hint = "the file is damaged or describes a model that mote does not know",
          .file = {},
          .byte_position = {}};
}

Result<void> check_count(std::string_view name, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return {};
  return out_of_range(name, std::to_string(value), std::to_string(low) + " to " + std::to_string(high));
}

// False for NaN as well.
Result<void> check_real(std::string_view name, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return out_of_range(name, number(value), number(low) + " to " + number(high));
}

// Any problem with a key is a problem with that hyperparameter.
template <typename T>
Result<T> as_hparam(Result<T> result) {
  if (!result) {
    Error error = std::move(result).error();
    error.code = kModelHparam;
    return error;
  }
  return result;
}

// Reads "<arch>.<key>" of GGUF metadata.
class ArchKeys {
 public:
  ArchKeys(const formats::Metadata& metadata, std::string_view arch) : metadata_(metadata), prefix_(arch) {
    prefix_ += '.';
  }
  [[nodiscard]] std::string key(std::string_view name) const { return prefix_ + std::string(name); }
  [[nodiscard]] bool has(std::string_view name) const { return metadata_.contains(key(name)); }
  Result<std::uint32_t> count(std::string_view name) const {
    return narrow(name, metadata_.get_uint(key(name)));
  }
  Result<std::uint32_t> count_or(std::string_view name, std::uint32_t fallback) const {
    return narrow(name, metadata_.get_uint_or(key(name), fallback));
  }
  Result<double> real_or(std::string_view name, double fallback) const {
    return as_hparam(metadata_.get_float_or(key(name), fallback));
  }
  Result<std::string> text_or(std::string_view name, std::string fallback) const {
    return as_hparam(metadata_.get_string_or(key(name), std::move(fallback)));
  }

 private:
  Result<std::uint32_t> narrow(std::string_view name, Result<std::uint64_t> wide) const {
    MOTE_ASSIGN(const std::uint64_t value, as_hparam(std::move(wide)));
    if (value > UINT32_MAX) return out_of_range(key(name), std::to_string(value), "at most 4294967295");
    return static_cast<std::uint32_t>(value);
  }
  const formats::Metadata& metadata_;
  std::string prefix_;
};

// Things that change the arithmetic and that the spec cannot say: refused, never ignored.
Result<void> refuse_unknown_features(const ArchKeys& keys) {
  for (const std::string_view name : {"expert_count", "attention.max_alibi_bias", "attn_logit_softcapping",
                                      "final_logit_softcapping", "attention.clamp_kqv"}) {
    if (keys.has(name)) {
      return Error{
          .code = kModelHparam,
          .message = "cannot run the model: it needs " + keys.key(name) + ", which mote does not have",
          .hint = "use a dense model of a known architecture: " + known_arch_names(),
          .file = {},
          .byte_position = {}};
    }
  }
  return {};
}

Result<void> read_rope(const ArchKeys& keys, RopeSpec& rope, std::uint32_t head_dim) {
  MOTE_ASSIGN(rope.dims, keys.count_or("rope.dimension_count", head_dim));
  MOTE_ASSIGN(rope.base, keys.real_or("rope.freq_base", 10000.0));
  MOTE_ASSIGN(const std::string scaling, keys.text_or("rope.scaling.type", "none"));
  if (scaling == "linear") {
    rope.scaling = RopeScaling::linear;
    MOTE_ASSIGN(rope.factor, keys.real_or("rope.scaling.factor", 1.0));
  } else if (scaling != "none") {
    return out_of_range(keys.key("rope.scaling.type"), "'" + escape_untrusted(scaling, 40) + "'",
                        "none or linear");
  }
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
  MOTE_TRY(check_count("rope.dimension_count", spec.rope.dims, 2, spec.head_dim));
  if (spec.rope.dims % 2 != 0) {
    return out_of_range("rope.dimension_count", std::to_string(spec.rope.dims), "an even number");
  }
  MOTE_TRY(check_real("attention.layer_norm_rms_epsilon", spec.norm_eps, 0.0, 1.0));
  MOTE_TRY(check_real("rope.freq_base", spec.rope.base, 1.0, 1e15));
  MOTE_TRY(check_real("rope.scaling.factor", spec.rope.factor, 1e-3, 1e6));
  if (spec.rope.scaling == RopeScaling::llama3) {
    MOTE_TRY(check_count("rope.scaling.original_context_length", spec.rope.original_context, 1, 1U << 28U));
    MOTE_TRY(check_real("rope.scaling.low_freq_factor", spec.rope.low_freq_factor, 1e-3, 1e6));
    MOTE_TRY(check_real("rope.scaling.high_freq_factor", spec.rope.high_freq_factor, 1e-3, 1e6));
    if (spec.rope.high_freq_factor <= spec.rope.low_freq_factor) {
      return out_of_range("rope.scaling.high_freq_factor", number(spec.rope.high_freq_factor),
                          "more than low_freq_factor " + number(spec.rope.low_freq_factor));
    }
    if (spec.rope.divisors.empty()) spec.rope.divisors = llama3_divisors(spec.rope);
  }
  if (!spec.rope.divisors.empty() && spec.rope.divisors.size() != spec.rope.dims / 2) {
    return out_of_range("rope_freqs.weight", std::to_string(spec.rope.divisors.size()) + " elements",
                        std::to_string(spec.rope.dims / 2));
  }
  for (const float divisor : spec.rope.divisors) {
    MOTE_TRY(check_real("rope_freqs.weight", static_cast<double>(divisor), 1e-6, 1e9));
  }
  if (spec.attention_scale == 0.0) spec.attention_scale = 1.0 / std::sqrt(static_cast<double>(spec.head_dim));
  MOTE_TRY(check_real("attention.scale", spec.attention_scale, 1e-6, 1e3));
  MOTE_TRY(check_real("embedding_scale", spec.embedding_scale, 1e-6, 1e6));
  MOTE_TRY(check_real("residual_scale", spec.residual_scale, 1e-6, 1e6));
  MOTE_TRY(check_real("logit_scale", spec.logit_scale, 1e-6, 1e6));
  return {};
}

Result<ModelSpec> spec_from_metadata(const formats::Metadata& metadata, std::uint64_t embedding_rows) {
  ModelSpec spec;
  MOTE_ASSIGN(spec.architecture, as_hparam(metadata.get_string("general.architecture")));
  const ArchEntry* arch = find_arch_by_gguf_name(spec.architecture);
  if (arch == nullptr) {
    return Error{.code = kModelArch,
                 .message = "cannot run the model: unknown architecture '" +
                            escape_untrusted(spec.architecture, 60) + "', known are " + known_arch_names(),
                 .hint = "use a model of a known architecture",
                 .file = {},
                 .byte_position = {}};
  }
  MOTE_ASSIGN(spec.name, as_hparam(metadata.get_string_or("general.name", "")));
  const ArchKeys keys(metadata, arch->gguf_name);
  MOTE_TRY(refuse_unknown_features(keys));
  MOTE_ASSIGN(spec.context, keys.count("context_length"));
  MOTE_ASSIGN(spec.width, keys.count("embedding_length"));
  MOTE_ASSIGN(spec.blocks, keys.count("block_count"));
  MOTE_ASSIGN(spec.hidden, keys.count("feed_forward_length"));
  MOTE_ASSIGN(spec.heads, keys.count("attention.head_count"));
  MOTE_ASSIGN(spec.kv_heads, keys.count_or("attention.head_count_kv", spec.heads));
  MOTE_TRY(check_count(keys.key("attention.head_count"), spec.heads, 1, 1024));
  MOTE_ASSIGN(spec.head_dim, keys.count_or("attention.key_length", spec.width / spec.heads));
  MOTE_ASSIGN(const std::uint32_t value_dim, keys.count_or("attention.value_length", spec.head_dim));
  if (value_dim != spec.head_dim) {
    return out_of_range(keys.key("attention.value_length"), std::to_string(value_dim),
                        "the key length " + std::to_string(spec.head_dim));
  }
  MOTE_ASSIGN(spec.norm_eps, keys.real_or("attention.layer_norm_rms_epsilon", -1.0));
  MOTE_TRY(read_rope(keys, spec.rope, spec.head_dim));
  spec.rope.pairs = arch->pairs;
  spec.qkv_bias = arch->qkv_bias;
  spec.qk_norm = arch->qk_norm;
  const auto rows = static_cast<std::uint32_t>(std::min<std::uint64_t>(embedding_rows, UINT32_MAX));
  MOTE_ASSIGN(spec.vocab, keys.count_or("vocab_size", rows));
  MOTE_TRY(validate(spec));
  return spec;
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

}  // namespace mote::model
