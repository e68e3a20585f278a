#include "model/hf_config.h"

#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "model/hf_fields.h"
#include "model/hf_rope.h"
#include "model/ranges.h"

namespace mote::model {
namespace {

// Whether a name of ACT2FN is the architecture's activation, which GGUF does not store. Gemma's first folders
// say "gelu" and mean the tanh form, as transformers runs them.
bool is_activation(std::string_view name, const ArchEntry& arch) {
  switch (arch.activation) {
    case Activation::silu:
      return name == "silu" || name == "swish";
    case Activation::gelu_tanh:
      return name == "gelu_pytorch_tanh" || (name == "gelu" && arch.hf_type == "gemma");
    case Activation::gelu_erf:
      return name == "gelu";
  }
  return false;
}

std::string_view activation_name(Activation activation) {
  if (activation == Activation::silu) return "silu";
  return activation == Activation::gelu_tanh ? "gelu_pytorch_tanh" : "gelu";
}

Result<void> refuse_unknown_features(const Json& config, const ArchEntry& arch) {
  for (const std::string_view name : {"use_bidirectional_attention", "is_decoder", "add_cross_attention"}) {
    MOTE_ASSIGN(const bool set, flag_field(config, name, false));
    if (set) return bad_field(name, "is true, which mote cannot run");
  }
  for (const std::string_view name : {"clip_qkv", "mlp_only_layers"}) {
    const Json* value = present_field(config, name);
    if (value == nullptr || (value->if_array() != nullptr && value->if_array()->empty())) continue;
    return bad_field(name, "is set, which mote cannot run");
  }
  MOTE_ASSIGN(const std::uint32_t step, count_field(config, "decoder_sparse_step", 1));
  if (step != 1) return bad_field("decoder_sparse_step", "is not 1, which mote cannot run");
  MOTE_ASSIGN(const std::string positions, text_field(config, "position_embedding_type", "absolute"));
  if (positions != "absolute") return bad_field("position_embedding_type", "is not absolute");
  const std::string_view wanted = activation_name(arch.activation);
  for (const std::string_view name : {"hidden_act", "hidden_activation"}) {
    MOTE_ASSIGN(const std::string act, text_field(config, name, wanted));
    if (!is_activation(act, arch)) {
      return bad_field(name, "is '" + escape_untrusted(act, 40) + "', expected " + std::string(wanted));
    }
  }
  return {};
}

// Which blocks have a window, where the configuration says so itself.
Result<std::vector<char>> windowed_blocks(const Json& config, const ArchEntry& arch, std::uint32_t blocks) {
  std::vector<char> out;
  if (const Json* types = present_field(config, "layer_types"); types != nullptr) {
    if (types->if_array() == nullptr || types->if_array()->size() != blocks) {
      return bad_field("layer_types", "is no list of " + std::to_string(blocks) + " names");
    }
    for (const Json& type : *types->if_array()) {
      const std::string* name = type.if_string();
      if (name == nullptr || (*name != "sliding_attention" && *name != "full_attention")) {
        return bad_field("layer_types", "holds " + escape_untrusted(type.dump(), 40) +
                                            ", expected sliding_attention or full_attention");
      }
      out.push_back(*name == "sliding_attention" ? 1 : 0);
    }
    return out;
  }
  if (const Json* pattern = present_field(config, "sliding_window_pattern"); pattern != nullptr) {
    const std::string* letters = pattern->if_string();
    const auto period = pattern->as_uint64();
    if (letters != nullptr && !letters->empty()) {
      for (std::uint32_t i = 0; i < blocks; ++i)
        out.push_back((*letters)[i % letters->size()] == 'L' ? 1 : 0);
    } else if (period && *period > 0) {
      for (std::uint32_t i = 0; i < blocks; ++i) out.push_back((i + 1) % *period != 0 ? 1 : 0);
    } else {
      return bad_field("sliding_window_pattern",
                       "is " + escape_untrusted(pattern->dump(), 40) + ", expected a number or letters");
    }
    return out;
  }
  if (arch.asks_for_window && present_field(config, "max_window_layers") != nullptr) {
    MOTE_ASSIGN(const std::uint32_t first, count_field(config, "max_window_layers"));
    for (std::uint32_t i = 0; i < blocks; ++i) out.push_back(i >= first ? 1 : 0);
  }
  return out;
}

Result<void> read_blocks(const Json& config, const ArchEntry& arch, ModelSpec& spec) {
  MOTE_TRY(check_count("num_hidden_layers", spec.blocks, 1, 1024));
  MOTE_ASSIGN(std::uint32_t window, count_field(config, "sliding_window", arch.default_window));
  MOTE_ASSIGN(const bool asked, flag_field(config, "use_sliding_window", !arch.asks_for_window));
  if (!asked) window = 0;
  MOTE_ASSIGN(const std::vector<char> listed, windowed_blocks(config, arch, spec.blocks));
  const auto windowed = std::make_unique<bool[]>(listed.size());
  for (std::size_t i = 0; i < listed.size(); ++i) windowed[i] = listed[i] != 0;
  fill_block_specs(arch, window, {windowed.get(), listed.size()}, spec);
  const Json* gaps = present_field(config, "no_rope_layers");
  if (gaps == nullptr || gaps->if_array() == nullptr) return {};
  for (std::size_t i = 0; i < gaps->if_array()->size(); ++i) {
    const bool turns = (*gaps->if_array())[i].as_uint64().value_or(2) == 1;
    if (i >= spec.blocks || turns == (spec.block_specs[i].rope == RopeUse::none)) {
      return bad_field("no_rope_layers", "is not 0 in every fourth place, which GGUF cannot say");
    }
  }
  return {};
}

Result<void> read_scales(const Json& config, const ArchEntry& arch, ModelSpec& spec) {
  if (arch.scaled_embedding) {
    spec.embedding_scale = static_cast<double>(std::sqrt(static_cast<float>(spec.width)));
  }
  if (const Json* scalar = present_field(config, "query_pre_attn_scalar"); scalar != nullptr) {
    MOTE_ASSIGN(const double value, real_field(config, "query_pre_attn_scalar"));
    if (!(value > 0)) return bad_field("query_pre_attn_scalar", "is not above 0");
    spec.attention_scale = 1.0 / std::sqrt(value);
  }
  MOTE_ASSIGN(spec.score_cap, real_field(config, "attn_logit_softcapping", 0.0));
  MOTE_ASSIGN(spec.logit_cap, real_field(config, "final_logit_softcapping", 0.0));
  if (!arch.multipliers) return {};
  MOTE_ASSIGN(spec.embedding_scale, real_field(config, "embedding_multiplier", 1.0));
  MOTE_ASSIGN(spec.residual_scale, real_field(config, "residual_multiplier", 1.0));
  MOTE_ASSIGN(spec.attention_scale, real_field(config, "attention_multiplier", 1.0));
  MOTE_ASSIGN(const double divisor, real_field(config, "logits_scaling", 1.0));
  if (!(divisor > 0)) return bad_field("logits_scaling", "is not above 0");
  spec.logit_scale = 1.0 / divisor;
  return {};
}

Result<void> read_experts(const Json& config, const ArchEntry& arch, ModelSpec& spec) {
  MOTE_ASSIGN(const std::uint32_t local, count_field(config, "num_local_experts", 0));
  MOTE_ASSIGN(spec.experts.count, count_field(config, "num_experts", local));
  if (spec.experts.count == 0) return {};
  if (!arch.experts) return bad_field("num_experts", "is set, which " + spec.architecture + " does not have");
  MOTE_ASSIGN(spec.experts.used, count_field(config, "num_experts_per_tok"));
  MOTE_ASSIGN(spec.experts.hidden, count_field(config, "moe_intermediate_size", spec.hidden));
  MOTE_ASSIGN(spec.experts.normalize, flag_field(config, "norm_topk_prob", arch.normalize_experts));
  MOTE_ASSIGN(spec.experts.shared_hidden, count_field(config, "shared_expert_intermediate_size", 0));
  spec.experts.shared_gate = spec.experts.shared_hidden > 0;
  return {};
}

Result<void> read_biases(const Json& config, const ArchEntry& arch, ModelSpec& spec) {
  MOTE_ASSIGN(const bool attention, flag_field(config, "attention_bias", false));
  MOTE_ASSIGN(const bool always, flag_field(config, "qkv_bias", arch.qkv_bias));
  MOTE_ASSIGN(const bool asked, flag_field(config, "use_qkv_bias", false));
  spec.qkv_bias = attention || always || asked;
  // An architecture that always has q/k/v biases says itself whether it has this one.
  spec.output_bias = arch.qkv_bias ? arch.output_bias : attention;
  MOTE_ASSIGN(spec.ffn_bias, flag_field(config, "mlp_bias", arch.ffn_bias));
  if (spec.ffn_bias && spec.experts.count > 0) {
    return bad_field("mlp_bias", "is true beside experts, which mote cannot run");
  }
  return {};
}

}  // namespace

Result<const ArchEntry*> arch_from_hf_config(const Json& config) {
  std::string hf_class;
  if (const Json* list = present_field(config, "architectures");
      list != nullptr && list->if_array() != nullptr) {
    const JsonArray& names = *list->if_array();
    if (!names.empty() && names[0].if_string() != nullptr) hf_class = *names[0].if_string();
  }
  MOTE_ASSIGN(const std::string hf_type, text_field(config, "model_type", ""));
  const ArchEntry* arch = find_arch_by_hf(hf_class, hf_type);
  if (arch != nullptr) return arch;
  return Error{.code = kModelArch,
               .message = "cannot run the model: unknown architecture '" +
                          escape_untrusted(hf_class.empty() ? hf_type : hf_class, 60) + "', known are " +
                          known_arch_names(),
               .hint = "use a model of a known architecture",
               .file = {},
               .byte_position = {}};
}

Result<ModelSpec> spec_from_hf_config(const Json& config) {
  MOTE_ASSIGN(const ArchEntry* arch, arch_from_hf_config(config));
  MOTE_TRY(refuse_unknown_features(config, *arch));
  ModelSpec spec = spec_of_arch(*arch);
  MOTE_ASSIGN(spec.vocab, count_field(config, "vocab_size"));
  MOTE_ASSIGN(spec.context, count_field(config, "max_position_embeddings"));
  MOTE_ASSIGN(spec.width, count_field(config, "hidden_size"));
  MOTE_ASSIGN(spec.blocks, count_field(config, "num_hidden_layers"));
  MOTE_ASSIGN(spec.hidden, count_field(config, "intermediate_size"));
  MOTE_ASSIGN(spec.heads, count_field(config, "num_attention_heads"));
  MOTE_ASSIGN(spec.kv_heads, count_field(config, "num_key_value_heads", spec.heads));
  if (spec.heads == 0) return bad_field("num_attention_heads", "is 0, expected 1 to 1024");
  MOTE_ASSIGN(spec.head_dim, count_field(config, "head_dim", spec.width / spec.heads));
  MOTE_ASSIGN(spec.norm_eps,
              real_field(config, spec.norm == NormKind::rms ? "rms_norm_eps" : "layer_norm_eps"));
  MOTE_TRY(read_hf_rope(config, spec));
  MOTE_TRY(read_blocks(config, *arch, spec));
  MOTE_TRY(read_scales(config, *arch, spec));
  MOTE_TRY(read_experts(config, *arch, spec));
  MOTE_TRY(read_biases(config, *arch, spec));
  MOTE_ASSIGN(spec.parallel_residual, flag_field(config, "use_parallel_residual", false));
  MOTE_ASSIGN(const bool own_norms, flag_field(config, "qk_layernorm", false));
  if (own_norms) spec.qk_norm = QkNorm::own_head;
  MOTE_ASSIGN(spec.tied_head, flag_field(config, "tie_word_embeddings", arch->tied_head));
  if (!spec.causal) {
    MOTE_ASSIGN(spec.token_types, count_field(config, "type_vocab_size", 0));
  }
  MOTE_TRY(validate(spec));
  return spec;
}

Result<ModelSpec> spec_from_llama2c(const formats::Llama2cHeader& header) {
  ModelSpec spec;
  spec.architecture = "llama";
  spec.vocab = header.vocab_size;
  spec.context = header.seq_len;
  spec.width = header.dim;
  spec.blocks = header.n_layers;
  spec.hidden = header.hidden_dim;
  spec.heads = header.n_heads;
  spec.kv_heads = header.n_kv_heads;
  spec.head_dim = header.head_dim();
  spec.norm_eps = 1e-5;
  spec.rope.base = 10000.0;
  spec.rope.dims = spec.head_dim;
  spec.rope.pairs = RopePairs::adjacent;
  spec.tied_head = header.tied;
  MOTE_TRY(validate(spec));
  return spec;
}

}  // namespace mote::model
