#include "model/hf_rope.h"

#include <string>

#include "base/strings.h"
#include "model/hf_fields.h"

namespace mote::model {
namespace {

Result<std::vector<float>> floats_field(const Json& object, std::string_view key) {
  const Json* value = present_field(object, key);
  if (value == nullptr || value->if_array() == nullptr) return bad_field(key, "is missing, expected a list");
  std::vector<float> out;
  for (const Json& element : *value->if_array()) {
    const auto number = element.as_double();
    if (!number) return bad_field(key, "holds something that is no number");
    out.push_back(static_cast<float>(*number));
  }
  return out;
}

Result<void> read_yarn(const Json& parameters, RopeSpec& rope) {
  rope.scaling = RopeScaling::yarn;
  MOTE_ASSIGN(rope.factor, real_field(parameters, "factor"));
  MOTE_ASSIGN(rope.beta_fast, real_field(parameters, "beta_fast", 32.0));
  MOTE_ASSIGN(rope.beta_slow, real_field(parameters, "beta_slow", 1.0));
  MOTE_ASSIGN(const bool truncate, flag_field(parameters, "truncate", true));
  if (!truncate) return bad_field("truncate", "is false, which GGUF cannot say");
  for (const std::string_view name : {"mscale", "mscale_all_dim"}) {
    if (present_field(parameters, name) != nullptr) return bad_field(name, "is set, which mote cannot run");
  }
  MOTE_ASSIGN(rope.attention_factor,
              real_field(parameters, "attention_factor", yarn_attention_factor(rope.factor)));
  return {};
}

Result<void> read_longrope(const Json& parameters, std::uint32_t context, RopeSpec& rope) {
  rope.scaling = RopeScaling::longrope;
  MOTE_ASSIGN(rope.short_divisors, floats_field(parameters, "short_factor"));
  MOTE_ASSIGN(rope.long_divisors, floats_field(parameters, "long_factor"));
  const double stretch =
      rope.original_context == 0 ? 1.0 : static_cast<double>(context) / rope.original_context;
  MOTE_ASSIGN(const double factor, real_field(parameters, "factor", stretch));
  MOTE_ASSIGN(rope.attention_factor, real_field(parameters, "attention_factor",
                                                longrope_attention_factor(factor, rope.original_context)));
  return {};
}

Result<void> read_parameters(const Json& config, const Json& parameters, double base, ModelSpec& spec,
                             RopeSpec& rope) {
  if (!parameters.is_object()) return bad_field("rope_parameters", "is no object");
  MOTE_ASSIGN(rope.base, real_field(parameters, "rope_theta", base));
  MOTE_ASSIGN(const double outer_partial, real_field(config, "partial_rotary_factor", 1.0));
  MOTE_ASSIGN(const double partial, real_field(parameters, "partial_rotary_factor", outer_partial));
  if (!(partial > 0.0 && partial <= 1.0)) {
    return bad_field("partial_rotary_factor", "is not above 0 and at most 1");
  }
  rope.dims = static_cast<std::uint32_t>(partial * spec.head_dim);
  MOTE_ASSIGN(const std::string older_type, text_field(parameters, "type", "default"));
  MOTE_ASSIGN(const std::string type, text_field(parameters, "rope_type", older_type));
  if (type == "default") return {};
  // Beside the scaling, beside it in the configuration, or what the model was made for.
  MOTE_ASSIGN(const std::uint32_t outer,
              count_field(config, "original_max_position_embeddings", spec.context));
  MOTE_ASSIGN(rope.original_context, count_field(parameters, "original_max_position_embeddings", outer));
  // Phi-3's first folders call longrope "su" or "yarn".
  if (type == "longrope" || type == "su" || present_field(parameters, "short_factor") != nullptr) {
    return read_longrope(parameters, spec.context, rope);
  }
  if (type == "yarn") return read_yarn(parameters, rope);
  MOTE_ASSIGN(rope.factor, real_field(parameters, "factor"));
  if (type == "linear") {
    rope.scaling = RopeScaling::linear;
    return {};
  }
  if (type != "llama3") {
    return bad_field("rope_type", "is '" + escape_untrusted(type, 40) +
                                      "', expected default, linear, llama3, yarn or longrope");
  }
  rope.scaling = RopeScaling::llama3;
  MOTE_ASSIGN(rope.low_freq_factor, real_field(parameters, "low_freq_factor"));
  MOTE_ASSIGN(rope.high_freq_factor, real_field(parameters, "high_freq_factor"));
  MOTE_ASSIGN(rope.original_context, count_field(parameters, "original_max_position_embeddings"));
  return {};
}

}  // namespace

// transformers 5 keeps base and scaling together in `rope_parameters`, by kind of block where those differ;
// before that `rope_theta` and `rope_local_base_freq` lay beside `rope_scaling`, whose type was called `type`
// at first.
Result<void> read_hf_rope(const Json& config, ModelSpec& spec) {
  const Json empty{JsonObject{}};
  const Json* parameters = present_field(config, "rope_parameters");
  if (parameters == nullptr) parameters = present_field(config, "rope_scaling");
  if (parameters == nullptr) parameters = &empty;
  if (!parameters->is_object()) return bad_field("rope_parameters", "is no object");
  const Json* global = present_field(*parameters, "full_attention");
  const Json* local = present_field(*parameters, "sliding_attention");
  MOTE_ASSIGN(const double base, real_field(config, "rope_theta", 10000.0));
  MOTE_TRY(read_parameters(config, global == nullptr ? *parameters : *global, base, spec, spec.rope));
  MOTE_ASSIGN(const double local_base, real_field(config, "rope_local_base_freq", 10000.0));
  MOTE_TRY(read_parameters(config, local == nullptr ? empty : *local, local_base, spec, spec.local_rope));
  if (spec.local_rope.scaling != RopeScaling::none) {
    return bad_field("rope_type", "of sliding_attention is not default, which mote cannot run");
  }
  return {};
}

}  // namespace mote::model
