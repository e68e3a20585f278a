#include "model/hf_config.h"

#include <string>
#include <string_view>

#include "model/arch.h"

namespace mote::model {
namespace {

Error bad_field(std::string_view name, std::string message) {
  return {.code = kModelHparam,
          .message = "cannot use config.json: " + std::string(name) + " " + std::move(message),
          .hint = "compare it with the model's original config.json",
          .file = {},
          .byte_position = {}};
}

// A field that is absent or null has its default in transformers.
const Json* present(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::uint32_t> count(const Json& config, std::string_view key,
                            std::optional<std::uint32_t> fallback = {}) {
  const Json* value = present(config, key);
  if (value == nullptr) {
    if (fallback) return *fallback;
    return bad_field(key, "is missing, expected a whole number");
  }
  const auto number = value->as_uint64();
  if (!number || *number > UINT32_MAX) {
    return bad_field(
        key, "is " + escape_untrusted(value->dump(), 60) + ", expected a whole number from 0 to 4294967295");
  }
  return static_cast<std::uint32_t>(*number);
}

Result<double> real(const Json& object, std::string_view key, std::optional<double> fallback = {}) {
  const Json* value = present(object, key);
  if (value == nullptr) {
    if (fallback) return *fallback;
    return bad_field(key, "is missing, expected a number");
  }
  const auto number = value->as_double();
  if (!number) return bad_field(key, "is " + escape_untrusted(value->dump(), 60) + ", expected a number");
  return *number;
}

Result<bool> flag(const Json& config, std::string_view key, bool fallback) {
  const Json* value = present(config, key);
  if (value == nullptr) return fallback;
  if (value->if_bool() == nullptr) {
    return bad_field(key, "is " + escape_untrusted(value->dump(), 60) + ", expected true or false");
  }
  return *value->if_bool();
}

Result<std::string> text(const Json& object, std::string_view key, std::string_view fallback) {
  const Json* value = present(object, key);
  if (value == nullptr) return std::string(fallback);
  if (value->if_string() == nullptr) {
    return bad_field(key, "is " + escape_untrusted(value->dump(), 60) + ", expected a string");
  }
  return *value->if_string();
}

Result<const ArchEntry*> find_arch(const Json& config) {
  std::string hf_class;
  if (const Json* list = present(config, "architectures"); list != nullptr && list->if_array() != nullptr) {
    const JsonArray& names = *list->if_array();
    if (!names.empty() && names[0].if_string() != nullptr) hf_class = *names[0].if_string();
  }
  MOTE_ASSIGN(const std::string hf_type, text(config, "model_type", ""));
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

// transformers 5 keeps base and scaling together in `rope_parameters`; before that `rope_theta` lay beside
// `rope_scaling`, whose type was called `type` at first.
Result<void> read_rope(const Json& config, ModelSpec& spec) {
  const Json empty{JsonObject{}};
  const Json* parameters = present(config, "rope_parameters");
  if (parameters == nullptr) parameters = present(config, "rope_scaling");
  if (parameters == nullptr) parameters = &empty;
  if (!parameters->is_object()) return bad_field("rope_parameters", "is no object");
  RopeSpec& rope = spec.rope;
  MOTE_ASSIGN(const double outer_base, real(config, "rope_theta", 10000.0));
  MOTE_ASSIGN(rope.base, real(*parameters, "rope_theta", outer_base));
  MOTE_ASSIGN(const double outer_partial, real(config, "partial_rotary_factor", 1.0));
  MOTE_ASSIGN(const double partial, real(*parameters, "partial_rotary_factor", outer_partial));
  if (!(partial > 0.0 && partial <= 1.0))
    return bad_field("partial_rotary_factor", "is not above 0 and at most 1");
  rope.dims = static_cast<std::uint32_t>(partial * spec.head_dim);
  MOTE_ASSIGN(const std::string older_type, text(*parameters, "type", "default"));
  MOTE_ASSIGN(const std::string type, text(*parameters, "rope_type", older_type));
  if (type == "default") return {};
  MOTE_ASSIGN(rope.factor, real(*parameters, "factor"));
  if (type == "linear") {
    rope.scaling = RopeScaling::linear;
    return {};
  }
  if (type != "llama3") {
    return bad_field("rope_type",
                     "is '" + escape_untrusted(type, 40) + "', expected default, linear or llama3");
  }
  rope.scaling = RopeScaling::llama3;
  MOTE_ASSIGN(rope.low_freq_factor, real(*parameters, "low_freq_factor"));
  MOTE_ASSIGN(rope.high_freq_factor, real(*parameters, "high_freq_factor"));
  MOTE_ASSIGN(rope.original_context, count(*parameters, "original_max_position_embeddings"));
  return {};
}

Result<void> refuse_unknown_features(const Json& config) {
  MOTE_ASSIGN(const bool window, flag(config, "use_sliding_window", false));
  if (window) return bad_field("use_sliding_window", "is true, which mote cannot run");
  MOTE_ASSIGN(const bool mlp_bias, flag(config, "mlp_bias", false));
  if (mlp_bias) return bad_field("mlp_bias", "is true, which mote cannot run");
  MOTE_ASSIGN(const std::string act, text(config, "hidden_act", "silu"));
  if (act != "silu") return bad_field("hidden_act", "is '" + escape_untrusted(act, 40) + "', expected silu");
  return {};
}

}  // namespace

Result<ModelSpec> spec_from_hf_config(const Json& config) {
  MOTE_ASSIGN(const ArchEntry* arch, find_arch(config));
  MOTE_TRY(refuse_unknown_features(config));
  ModelSpec spec;
  spec.architecture = arch->gguf_name;
  MOTE_ASSIGN(spec.vocab, count(config, "vocab_size"));
  MOTE_ASSIGN(spec.context, count(config, "max_position_embeddings"));
  MOTE_ASSIGN(spec.width, count(config, "hidden_size"));
  MOTE_ASSIGN(spec.blocks, count(config, "num_hidden_layers"));
  MOTE_ASSIGN(spec.hidden, count(config, "intermediate_size"));
  MOTE_ASSIGN(spec.heads, count(config, "num_attention_heads"));
  MOTE_ASSIGN(spec.kv_heads, count(config, "num_key_value_heads", spec.heads));
  if (spec.heads == 0) return bad_field("num_attention_heads", "is 0, expected 1 to 1024");
  MOTE_ASSIGN(spec.head_dim, count(config, "head_dim", spec.width / spec.heads));
  MOTE_ASSIGN(spec.norm_eps, real(config, "rms_norm_eps"));
  MOTE_TRY(read_rope(config, spec));
  spec.rope.pairs = arch->pairs;
  MOTE_ASSIGN(const bool bias, flag(config, "attention_bias", false));
  spec.qkv_bias = arch->qkv_bias || bias;
  spec.output_bias = bias && !arch->qkv_bias;  // an architecture that always has q/k/v biases has no other
  spec.qk_norm = arch->qk_norm;
  MOTE_ASSIGN(spec.tied_head, flag(config, "tie_word_embeddings", false));
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

formats::Metadata metadata_from_spec(const ModelSpec& spec) {
  formats::Metadata out;
  const auto key = [&](std::string_view name) { return spec.architecture + "." + std::string(name); };
  out.set_string("general.architecture", spec.architecture);
  out.set_string("general.type", "model");
  if (!spec.name.empty()) out.set_string("general.name", spec.name);
  out.set_u32(key("block_count"), spec.blocks);
  out.set_u32(key("context_length"), spec.context);
  out.set_u32(key("embedding_length"), spec.width);
  out.set_u32(key("feed_forward_length"), spec.hidden);
  out.set_u32(key("attention.head_count"), spec.heads);
  out.set_u32(key("attention.head_count_kv"), spec.kv_heads);
  out.set_f32(key("rope.freq_base"), static_cast<float>(spec.rope.base));
  out.set_f32(key("attention.layer_norm_rms_epsilon"), static_cast<float>(spec.norm_eps));
  // Readers take embedding_length / head_count where these are absent.
  if (spec.heads * spec.head_dim != spec.width) {
    out.set_u32(key("attention.key_length"), spec.head_dim);
    out.set_u32(key("attention.value_length"), spec.head_dim);
  }
  out.set_u32(key("vocab_size"), spec.vocab);
  out.set_u32(key("rope.dimension_count"), spec.rope.dims);
  if (spec.rope.scaling == RopeScaling::linear) {
    out.set_string(key("rope.scaling.type"), "linear");
    out.set_f32(key("rope.scaling.factor"), static_cast<float>(spec.rope.factor));
  }
  return out;
}

}  // namespace mote::model
