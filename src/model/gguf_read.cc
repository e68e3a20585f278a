#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "base/strings.h"
#include "codec/codec.h"
#include "model/arch.h"
#include "model/gguf_keys.h"
#include "model/ranges.h"

namespace mote::model {
namespace {

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
  [[nodiscard]] const formats::MetaValue* find(std::string_view name) const {
    return metadata_.find(key(name));
  }
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  Result<std::uint32_t> count(std::string_view name) const {
    return narrow(name, metadata_.get_uint(key(name)));
  }
  Result<std::uint32_t> count_or(std::string_view name, std::uint32_t fallback) const {
    return narrow(name, metadata_.get_uint_or(key(name), fallback));
  }
  Result<double> real_or(std::string_view name, double fallback) const {
    return as_hparam(metadata_.get_float_or(key(name), fallback));
  }
  Result<bool> flag_or(std::string_view name, bool fallback) const {
    return as_hparam(metadata_.get_bool_or(key(name), fallback));
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

// Things that change the arithmetic and that the spec cannot say: refused, never ignored. A zero says that
// the feature is off.
Result<void> refuse_unknown_features(const ArchKeys& keys, const ArchEntry& arch) {
  const auto refuse = [&](std::string_view name) {
    return Error{.code = kModelHparam,
                 .message = "cannot run the model: it needs " + keys.key(name) + ", which mote does not have",
                 .hint = "use a model of a known architecture: " + known_arch_names(),
                 .file = {},
                 .byte_position = {}};
  };
  for (const std::string_view name :
       {"attention.max_alibi_bias", "attention.clamp_kqv", "router_logit_softcapping", "expert_group_count",
        "expert_weights_scale", "nextn_predict_layers", "rope.scaling.yarn_log_multiplier",
        "rope.scaling.alpha", "leading_dense_block_count", "moe_every_n_layers", "rope.dimension_sections",
        "attention.key_length_swa", "rope.dimension_count_swa", "logit_softcapping"}) {
    const formats::MetaValue* value = keys.find(name);
    if (value == nullptr) continue;
    const auto* whole = std::get_if<std::uint64_t>(&value->value);
    const auto* real = std::get_if<double>(&value->value);
    const bool off = (whole != nullptr && *whole == 0) || (real != nullptr && *real == 0.0);
    // Weights of 1 leave expert outputs as they are.
    const bool one = name == "expert_weights_scale" && real != nullptr && *real == 1.0;
    if (!off && !one) return refuse(name);
  }
  MOTE_ASSIGN(const std::uint32_t gating, keys.count_or("expert_gating_func", 1));
  if (gating > 1) return refuse("expert_gating_func");  // 1: softmax over all experts
  MOTE_ASSIGN(const std::uint32_t experts, keys.count_or("expert_count", 0));
  if (experts > 0 && !arch.experts) return refuse("expert_count");
  MOTE_ASSIGN(const bool causal, keys.flag_or("attention.causal", arch.causal));
  if (causal != arch.causal) return refuse("attention.causal");
  return {};
}

Result<void> read_scaling(const ArchKeys& keys, RopeSpec& rope, std::uint32_t context) {
  MOTE_ASSIGN(const std::string scaling, keys.text_or("rope.scaling.type", "none"));
  if (scaling == "none") return {};
  MOTE_ASSIGN(rope.factor, keys.real_or("rope.scaling.factor", 1.0));
  MOTE_ASSIGN(rope.original_context, keys.count_or("rope.scaling.original_context_length", context));
  MOTE_ASSIGN(const double attention, keys.real_or("rope.scaling.attn_factor", 1.0));
  if (scaling == "linear") {
    rope.scaling = RopeScaling::linear;
    rope.attention_factor = attention;
    return {};
  }
  if (scaling == "longrope") {
    rope.scaling = RopeScaling::longrope;
    rope.attention_factor = attention;
    return {};
  }
  if (scaling == "yarn") {
    rope.scaling = RopeScaling::yarn;
    MOTE_ASSIGN(rope.beta_fast, keys.real_or("rope.scaling.yarn_beta_fast", 32.0));
    MOTE_ASSIGN(rope.beta_slow, keys.real_or("rope.scaling.yarn_beta_slow", 1.0));
    MOTE_ASSIGN(const double extrapolation, keys.real_or("rope.scaling.yarn_ext_factor", 1.0));
    if (extrapolation != 1.0) {
      return out_of_range(keys.key("rope.scaling.yarn_ext_factor"), number_text(extrapolation), "1");
    }
    // The paper's factor is part of "yarn"; attn_factor comes on top of it, yarn_attn_factor in its place.
    MOTE_ASSIGN(rope.attention_factor, keys.real_or("rope.scaling.yarn_attn_factor",
                                                    yarn_attention_factor(rope.factor) * attention));
    return {};
  }
  return out_of_range(keys.key("rope.scaling.type"), "'" + escape_untrusted(scaling, 40) + "'",
                      "none, linear, yarn or longrope");
}

Result<void> read_rope(const ArchKeys& keys, ModelSpec& spec) {
  RopeSpec& rope = spec.rope;
  MOTE_ASSIGN(rope.dims, keys.count_or("rope.dimension_count", spec.head_dim));
  MOTE_ASSIGN(rope.base, keys.real_or("rope.freq_base", 10000.0));
  spec.local_rope = rope;
  MOTE_ASSIGN(spec.local_rope.base, keys.real_or("rope.freq_base_swa", 10000.0));
  return read_scaling(keys, rope, spec.context);
}

// The pattern is a list with an entry per block, or the period of blocks without a window.
Result<void> read_blocks(const ArchKeys& keys, const ArchEntry& arch, ModelSpec& spec) {
  MOTE_TRY(check_count(keys.key("block_count"), spec.blocks, 1, 1024));
  MOTE_ASSIGN(const std::uint32_t window, keys.count_or("attention.sliding_window", arch.default_window));
  const std::string_view name = "attention.sliding_window_pattern";
  const formats::MetaValue* pattern = keys.find(name);
  const auto windowed = std::make_unique<bool[]>(spec.blocks);
  if (pattern == nullptr) {
    fill_block_specs(arch, window, {}, spec);
    return {};
  }
  if (const auto* period = std::get_if<std::uint64_t>(&pattern->value); period != nullptr) {
    for (std::uint32_t i = 0; i < spec.blocks; ++i) windowed[i] = *period == 0 || (i + 1) % *period != 0;
  } else if (const auto* flags = std::get_if<std::vector<formats::MetaValue>>(&pattern->value);
             flags != nullptr && flags->size() == spec.blocks) {
    for (std::uint32_t i = 0; i < spec.blocks; ++i) {
      const bool* flag = std::get_if<bool>(&(*flags)[i].value);
      windowed[i] = flag != nullptr && *flag;
    }
  } else if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&pattern->value);
             numbers != nullptr && numbers->size() == spec.blocks) {
    for (std::uint32_t i = 0; i < spec.blocks; ++i) windowed[i] = (*numbers)[i] != 0;
  } else {
    return out_of_range(keys.key(name), "of another form",
                        "a number or a list of " + std::to_string(spec.blocks) + " flags");
  }
  fill_block_specs(arch, window, {windowed.get(), spec.blocks}, spec);
  return {};
}

Result<void> read_scales(const ArchKeys& keys, const ArchEntry& arch, ModelSpec& spec) {
  const double embedding =
      arch.scaled_embedding ? static_cast<double>(std::sqrt(static_cast<float>(spec.width))) : 1.0;
  MOTE_ASSIGN(spec.embedding_scale, keys.real_or("embedding_scale", embedding));
  MOTE_ASSIGN(spec.residual_scale, keys.real_or("residual_scale", 1.0));
  MOTE_ASSIGN(const double logits, keys.real_or("logit_scale", 1.0));
  if (!(logits > 0)) return out_of_range(keys.key("logit_scale"), number_text(logits), "above 0");
  spec.logit_scale = 1.0 / logits;
  const bool wide = arch.wide_scale_blocks != 0 && spec.blocks == arch.wide_scale_blocks;
  const double scale =
      wide ? 1.0 / std::sqrt(static_cast<double>(spec.width) / static_cast<double>(spec.heads)) : 0.0;
  MOTE_ASSIGN(spec.attention_scale, keys.real_or("attention.scale", scale));
  MOTE_ASSIGN(spec.score_cap, keys.real_or("attn_logit_softcapping", 0.0));
  MOTE_ASSIGN(spec.logit_cap, keys.real_or("final_logit_softcapping", 0.0));
  return {};
}

Result<void> read_experts(const ArchKeys& keys, ModelSpec& spec) {
  MOTE_ASSIGN(spec.experts.count, keys.count_or("expert_count", 0));
  if (spec.experts.count == 0) return {};
  MOTE_ASSIGN(spec.experts.used, keys.count("expert_used_count"));
  MOTE_ASSIGN(spec.experts.hidden, keys.count_or("expert_feed_forward_length", spec.hidden));
  MOTE_ASSIGN(spec.experts.normalize, keys.flag_or("expert_weights_norm", spec.experts.normalize));
  MOTE_ASSIGN(spec.experts.shared_hidden, keys.count_or("expert_shared_feed_forward_length", 0));
  return {};
}

Result<std::vector<float>> read_divisors(const formats::TensorSource& source, Role role,
                                         const RopeSpec& rope) {
  const auto index = source.find(gguf_name(role));
  if (!index) return std::vector<float>();
  const formats::TensorInfo& info = source.tensors()[*index];
  const Shape expected{rope.dims / 2};
  if (info.codec != CodecId::f32 || info.shape != expected) {
    return Error{.code = kModelTensor,
                 .message = "cannot use the model: tensor " + gguf_name(role) + " is " +
                            std::string(codec::codec_of(info.codec).name) + " " + to_string(info.shape) +
                            ", expected F32 " + to_string(expected),
                 .hint = "the tensors do not match the hyperparameters",
                 .file = {},
                 .byte_position = {}};
  }
  MOTE_ASSIGN(const QuantizedTensor tensor, source.read(*index));
  std::vector<float> out(rope.dims / 2);
  codec::codec_of(CodecId::f32).decode(tensor.blocks().data(), out.data(), out.size());
  return out;
}

// What a GGUF file says through its tensors rather than its keys; those of the first block stand for all.
Result<void> apply_tensors(const formats::TensorSource& source, ModelSpec& spec) {
  const auto has = [&](Role role, bool bias = false) {
    return source.find(gguf_name(role, 0, bias)).has_value();
  };
  const auto rows_of = [&](Role role) -> std::uint32_t {
    const auto index = source.find(gguf_name(role));
    if (!index) return 0;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(source.tensors()[*index].shape.rows(), UINT32_MAX));
  };
  if (spec.vocab == 0) spec.vocab = rows_of(Role::token_embd);
  spec.tied_head = !has(Role::output);
  spec.fused_qkv = has(Role::attn_qkv);
  spec.qkv_bias = spec.qkv_bias || has(Role::attn_q, true) || has(Role::attn_qkv, true);
  spec.output_bias = has(Role::attn_output, true);
  if (spec.norm == NormKind::layer && spec.norms.before) {  // stablelm in its several sizes
    spec.parallel_residual = !has(Role::ffn_norm);
    if (has(Role::attn_q_norm)) spec.qk_norm = QkNorm::own_head;
  }
  if (spec.experts.count > 0) {
    spec.fused_gate_up = has(Role::gate_up_exps);
    if (const auto index = source.find(gguf_name(Role::down_exps)); index) {
      const Shape& shape = source.tensors()[*index].shape;
      spec.experts.hidden = static_cast<std::uint32_t>(std::min<std::uint64_t>(shape.cols(), UINT32_MAX));
    }
    spec.experts.shared_hidden = rows_of(Role::shared_gate);
    spec.experts.shared_gate = has(Role::shared_router);
  } else {
    spec.fused_gate_up = spec.gated && !has(Role::ffn_gate) && has(Role::ffn_up);
    spec.ffn_bias = has(Role::ffn_down, true);
  }
  if (!spec.causal) spec.token_types = rows_of(Role::token_types);
  MOTE_ASSIGN(spec.rope.divisors, read_divisors(source, Role::rope_freqs, spec.rope));
  if (spec.rope.scaling == RopeScaling::longrope) {
    MOTE_ASSIGN(spec.rope.short_divisors, read_divisors(source, Role::rope_short, spec.rope));
    MOTE_ASSIGN(spec.rope.long_divisors, read_divisors(source, Role::rope_long, spec.rope));
  }
  return {};
}

}  // namespace

Result<ModelSpec> spec_from_metadata(const formats::Metadata& metadata,
                                     const formats::TensorSource* tensors) {
  MOTE_ASSIGN(const std::string name, as_hparam(metadata.get_string("general.architecture")));
  const ArchEntry* arch = find_arch_by_gguf_name(name);
  if (arch == nullptr) {
    return Error{.code = kModelArch,
                 .message = "cannot run the model: unknown architecture '" + escape_untrusted(name, 60) +
                            "', known are " + known_arch_names(),
                 .hint = "use a model of a known architecture",
                 .file = {},
                 .byte_position = {}};
  }
  ModelSpec spec = spec_of_arch(*arch);
  MOTE_ASSIGN(spec.name, as_hparam(metadata.get_string_or("general.name", "")));
  const ArchKeys keys(metadata, arch->gguf_name);
  MOTE_TRY(refuse_unknown_features(keys, *arch));
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
  MOTE_ASSIGN(spec.norm_eps, keys.real_or(spec.norm == NormKind::rms ? "attention.layer_norm_rms_epsilon"
                                                                     : "attention.layer_norm_epsilon",
                                          -1.0));
  MOTE_ASSIGN(spec.vocab, keys.count_or("vocab_size", 0));  // where it is absent the embedding says it
  if (spec.vocab == 0 && keys.has("vocab_size")) {
    return out_of_range(keys.key("vocab_size"), "0", "at least 1");
  }
  MOTE_TRY(read_rope(keys, spec));
  MOTE_TRY(read_blocks(keys, *arch, spec));
  MOTE_TRY(read_scales(keys, *arch, spec));
  MOTE_TRY(read_experts(keys, spec));
  MOTE_ASSIGN(const std::uint32_t pooling, keys.count_or("pooling_type", 0));
  if (pooling == 1) spec.pooling = Pooling::mean;
  if (pooling == 2) spec.pooling = Pooling::cls;
  if (tensors != nullptr) MOTE_TRY(apply_tensors(*tensors, spec));
  MOTE_TRY(validate(spec));
  return spec;
}

}  // namespace mote::model
