#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model/arch.h"
#include "model/gguf_keys.h"

namespace mote::model {
namespace {

class Writer {
 public:
  Writer(const ModelSpec& spec, formats::Metadata& out) : spec_(spec), out_(out) {}

  void sizes() {
    count("block_count", spec_.blocks);
    count("context_length", spec_.context);
    count("embedding_length", spec_.width);
    count("feed_forward_length", spec_.hidden);
    count("attention.head_count", spec_.heads);
    count("attention.head_count_kv", spec_.kv_heads);
    real(spec_.norm == NormKind::rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
         spec_.norm_eps);
    // Readers take embedding_length / head_count where these are absent.
    if (spec_.heads * spec_.head_dim != spec_.width) {
      count("attention.key_length", spec_.head_dim);
      count("attention.value_length", spec_.head_dim);
    }
    count("vocab_size", spec_.vocab);
    if (spec_.parallel_residual) out_.set_bool(key("use_parallel_residual"), true);
  }

  void rope() {
    const RopeSpec& rope = spec_.rope;
    count("rope.dimension_count", rope.dims);
    real("rope.freq_base", rope.base);
    const auto& blocks = spec_.block_specs;
    if (std::ranges::any_of(blocks, [](const BlockSpec& b) { return b.rope == RopeUse::local; })) {
      real("rope.freq_base_swa", spec_.local_rope.base);
    }
    switch (rope.scaling) {
      case RopeScaling::none:
      case RopeScaling::llama3:
        return;
      case RopeScaling::linear:
        out_.set_string(key("rope.scaling.type"), "linear");
        real("rope.scaling.factor", rope.factor);
        return;
      case RopeScaling::yarn: {
        out_.set_string(key("rope.scaling.type"), "yarn");
        real("rope.scaling.factor", rope.factor);
        count("rope.scaling.original_context_length", rope.original_context);
        real("rope.scaling.yarn_beta_fast", rope.beta_fast);
        real("rope.scaling.yarn_beta_slow", rope.beta_slow);
        const double more = rope.attention_factor / yarn_attention_factor(rope.factor);
        if (std::abs(more - 1.0) > 1e-7) real("rope.scaling.attn_factor", more);
        return;
      }
      case RopeScaling::longrope:
        out_.set_string(key("rope.scaling.type"), "longrope");
        count("rope.scaling.original_context_length", rope.original_context);
        real("rope.scaling.attn_factor", rope.attention_factor);
        return;
    }
  }

  void windows() {
    std::uint32_t window = 0;
    bool all = true;
    formats::MetaValue pattern;
    pattern.type = formats::ValueType::array;
    pattern.element = formats::ValueType::boolean;
    std::vector<formats::MetaValue> flags;
    for (const BlockSpec& block : spec_.block_specs) {
      window = std::max(window, block.window);
      all = all && block.window > 0;
      formats::MetaValue flag;
      flag.type = formats::ValueType::boolean;
      flag.value = block.window > 0;
      flags.push_back(std::move(flag));
    }
    if (window == 0) return;
    count("attention.sliding_window", window);
    if (all && arch().window_period == 0) return;
    pattern.value = std::move(flags);
    out_.set(key("attention.sliding_window_pattern"), std::move(pattern));
  }

  void scales() {
    const double usual = 1.0 / std::sqrt(static_cast<double>(spec_.head_dim));
    const bool own_scale = spec_.attention_scale != 0.0 && std::abs(spec_.attention_scale / usual - 1) > 1e-9;
    const bool wide = arch().wide_scale_blocks == spec_.blocks;  // readers would take another
    if (own_scale || wide || arch().multipliers) {
      real("attention.scale", spec_.attention_scale == 0.0 ? usual : spec_.attention_scale);
    }
    if (arch().multipliers) {
      real("embedding_scale", spec_.embedding_scale);
      real("residual_scale", spec_.residual_scale);
      real("logit_scale", 1.0 / spec_.logit_scale);
    }
    if (spec_.score_cap != 0.0) real("attn_logit_softcapping", spec_.score_cap);
    if (spec_.logit_cap != 0.0) real("final_logit_softcapping", spec_.logit_cap);
  }

  void experts() {
    const ExpertSpec& e = spec_.experts;
    if (e.count == 0) return;
    count("expert_count", e.count);
    count("expert_used_count", e.used);
    count("expert_feed_forward_length", e.hidden);
    if (e.shared_hidden > 0) count("expert_shared_feed_forward_length", e.shared_hidden);
    if (e.normalize != arch().normalize_experts) out_.set_bool(key("expert_weights_norm"), e.normalize);
  }

  void encoder() {
    if (spec_.causal) return;
    out_.set_bool(key("attention.causal"), false);
    out_.set_u32("tokenizer.ggml.token_type_count", spec_.token_types);
    if (spec_.pooling != Pooling::none) count("pooling_type", spec_.pooling == Pooling::mean ? 1 : 2);
  }

 private:
  [[nodiscard]] const ArchEntry& arch() const {
    static constexpr ArchEntry kNone{};
    const ArchEntry* found = find_arch_by_gguf_name(spec_.architecture);
    return found == nullptr ? kNone : *found;
  }
  [[nodiscard]] std::string key(std::string_view name) const {
    return spec_.architecture + "." + std::string(name);
  }
  void count(std::string_view name, std::uint32_t value) { out_.set_u32(key(name), value); }
  void real(std::string_view name, double value) { out_.set_f32(key(name), static_cast<float>(value)); }

  const ModelSpec& spec_;
  formats::Metadata& out_;
};

}  // namespace

formats::Metadata metadata_from_spec(const ModelSpec& spec) {
  formats::Metadata out;
  out.set_string("general.architecture", spec.architecture);
  out.set_string("general.type", "model");
  if (!spec.name.empty()) out.set_string("general.name", spec.name);
  Writer writer(spec, out);
  writer.sizes();
  writer.rope();
  writer.windows();
  writer.scales();
  writer.experts();
  writer.encoder();
  return out;
}

}  // namespace mote::model
