#include "quantize/presets.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>

#include "base/strings.h"
#include "codec/codec.h"
#include "model/tensor_names.h"

namespace mote::quantize {
namespace {

using enum CodecId;

constexpr std::array kPresets{
    Preset{"F32", 0, f32, Mix::plain},
    Preset{"F16", 1, f16, Mix::plain},
    Preset{"BF16", 32, bf16, Mix::plain},
    Preset{"Q8_0", 7, q8_0, Mix::plain},
    Preset{"MXFP4_MOE", 38, mxfp4, Mix::mxfp4_moe},
    Preset{"Q6_K", 18, q6_k, Mix::plain},
    Preset{"Q5_K_M", 17, q5_k, Mix::q5_k_m},
    Preset{"Q5_K_S", 16, q5_k, Mix::plain},
    Preset{"Q5_1", 9, q5_1, Mix::plain},
    Preset{"Q5_0", 8, q5_0, Mix::plain},
    Preset{"Q4_K_M", 15, q4_k, Mix::q4_k_m},
    Preset{"Q4_K_S", 14, q4_k, Mix::q4_k_s},
    Preset{"Q4_1", 3, q4_1, Mix::plain},
    Preset{"Q4_0", 2, q4_0, Mix::plain},
    Preset{"NVFP4", 39, nvfp4, Mix::plain},
    Preset{"IQ4_NL", 25, iq4_nl, Mix::iq4},
    Preset{"IQ4_XS", 30, iq4_xs, Mix::iq4},
    Preset{"MXFP4", 38, mxfp4, Mix::plain},
    Preset{"Q3_K_L", 13, q3_k, Mix::q3_k_l},
    Preset{"Q3_K_M", 12, q3_k, Mix::q3_k_m},
    Preset{"IQ3_M", 27, iq3_s, Mix::iq3_m},
    Preset{"IQ3_S", 26, iq3_s, Mix::iq3_s},
    Preset{"Q3_K_S", 11, q3_k, Mix::plain},
    Preset{"IQ3_XS", 22, iq3_s, Mix::iq3_xs},
    Preset{"IQ3_XXS", 23, iq3_xxs, Mix::iq3_xxs},
    Preset{"Q2_K", 10, q2_k, Mix::q2_k},
    Preset{"Q2_K_S", 21, q2_k, Mix::q2_k_s},
    Preset{"IQ2_M", 29, iq2_s, Mix::iq2_s},
    Preset{"IQ2_S", 28, iq2_xs, Mix::iq2_s},
    Preset{"IQ2_XS", 20, iq2_xs, Mix::iq2_xs},
    Preset{"Q2_0", 41, q2_0, Mix::ternary},
    Preset{"IQ2_XXS", 19, iq2_xxs, Mix::iq2_xs},
    Preset{"TQ2_0", 37, tq2_0, Mix::ternary},
    Preset{"IQ1_M", 31, iq1_m, Mix::iq1},
    Preset{"TQ1_0", 36, tq1_0, Mix::ternary},
    Preset{"IQ1_S", 24, iq1_s, Mix::iq1},
    Preset{"Q1_0", 40, q1_0, Mix::plain},
};

// attention_v: fused projections that hold v count as it.
enum class Role : std::uint8_t {
  output,
  embedding,
  attention_v,
  attention_k,
  attention_q,
  attention_output,
  ffn_up,
  ffn_gate,
  ffn_down,
  other,
};

bool has(std::string_view name, std::string_view part) { return name.find(part) != std::string_view::npos; }

Role role_of(std::string_view name) {
  if (name == "output.weight") return Role::output;
  if (name == "token_embd.weight" || name == "per_layer_token_embd.weight") return Role::embedding;
  for (const std::string_view v : {"attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight"}) {
    if (has(name, v)) return Role::attention_v;
  }
  if (has(name, "attn_k.weight")) return Role::attention_k;
  if (has(name, "attn_q.weight")) return Role::attention_q;
  if (has(name, "attn_output.weight")) return Role::attention_output;
  if (has(name, "ffn_up")) return Role::ffn_up;
  if (has(name, "ffn_gate")) return Role::ffn_gate;
  if (has(name, "ffn_down")) return Role::ffn_down;
  return Role::other;
}

// The first and the last eighth of the layers, and every third between them.
bool use_more_bits(int layer, int layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

// Presets of about two bits and less, which have rules of their own.
bool is_tiny(Mix mix) { return mix == Mix::iq1 || mix == Mix::iq2_xs || mix == Mix::iq2_s; }

CodecId attention_v_type(Mix mix, CodecId type, int layer, int layers, const ModelFacts& facts) {
  // Few, widely used rows; of a model whose experts are most of it where types are tiny.
  const bool shared = facts.heads / std::max(facts.kv_heads, 1U) >= 4 || (is_tiny(mix) && facts.experts >= 4);
  CodecId chosen = type;
  switch (mix) {
    case Mix::q2_k:
      chosen = shared ? q4_k : q3_k;
      break;
    case Mix::q2_k_s:
      chosen = shared ? q4_k : type;
      break;
    case Mix::q3_k_m:
      chosen = layer < 2 ? q5_k : q4_k;
      break;
    case Mix::q3_k_l:
      chosen = q5_k;
      break;
    case Mix::iq4:
      chosen = shared ? q5_k : type;
      break;
    case Mix::q4_k_m:
    case Mix::q5_k_m:
      chosen = use_more_bits(layer, layers) ? q6_k : type;
      break;
    case Mix::q4_k_s:
      chosen = layer < 4 ? q5_k : type;
      break;
    // So far below four bits that even a large model's v gets no less than this.
    case Mix::iq1:
    case Mix::iq2_xs:
      return shared ? q4_k : q2_k;
    case Mix::iq2_s:
      return shared ? q4_k : iq3_s;
    case Mix::iq3_xxs:
      chosen = shared ? q4_k : facts.importance ? iq3_xxs : iq3_s;
      break;
    case Mix::iq3_xs:
    case Mix::iq3_s:
      chosen = shared ? q4_k : type;
      break;
    case Mix::iq3_m:
      chosen = q4_k;
      break;
    case Mix::ternary:
    case Mix::mxfp4_moe:
    case Mix::plain:
      break;
  }
  // 80 layers: models of 70 billion parameters, whose v is an eighth of q and cheap to keep.
  const bool seventy = facts.blocks == 80 &&
                       (facts.architecture == "qwen2" || facts.heads != facts.kv_heads) &&
                       (facts.architecture == "llama" || facts.architecture == "qwen2");
  return seventy && (chosen == q3_k || chosen == q4_k) ? q5_k : chosen;
}

CodecId ffn_down_type(Mix mix, CodecId type, int layer, int layers, const ModelFacts& facts) {
  switch (mix) {
    case Mix::q2_k:
      return q3_k;
    case Mix::q2_k_s:
      return layer < layers / 8 ? q4_k : type;
    case Mix::q3_k_m:
      return layer < layers / 16 ? q5_k : q4_k;
    case Mix::q3_k_l:
      return q5_k;
    case Mix::q4_k_m:
    case Mix::q5_k_m:
      return use_more_bits(layer, layers) ? q6_k : type;
    case Mix::q4_k_s:
      return layer < layers / 8 ? q5_k : type;
    case Mix::iq4:
      return layer < layers / 8 && !facts.importance ? q5_k : type;
    case Mix::iq1:
    case Mix::iq2_xs:
      return layer < layers / 8 ? q2_k : type;
    case Mix::iq2_s:
      return layer < layers / 8 ? iq3_s : type;
    case Mix::iq3_xxs:
      if (facts.importance) return type;
      return layer < layers / 8 ? q4_k : q3_k;
    case Mix::iq3_m:
      return layer < layers / 8 || (facts.experts == 8 && use_more_bits(layer, layers)) ? q4_k : type;
    case Mix::plain:
      // Without a min these formats fail in the first layers when they follow an importance matrix.
      if (!facts.importance || layer >= layers / 8) return type;
      return type == q4_0 ? q4_1 : type == q5_0 ? q5_1 : type;
    default:
      break;
  }
  return type;
}

// Keys and queries: their errors are averaged by the softmax.
CodecId attention_kq_type(Mix mix, CodecId type) {
  if (mix == Mix::iq3_xs) return iq3_xxs;
  return mix == Mix::iq3_xxs ? iq2_s : type;
}

CodecId ffn_in_type(Mix mix, CodecId type, int layer, int layers) {
  const bool inner = layer >= layers / 8 && layer < 7 * layers / 8;
  return mix == Mix::iq3_xs && inner ? iq3_xxs : type;
}

// Of an embedding that is not the head too.
CodecId embedding_type(Mix mix, CodecId type) {
  switch (mix) {
    case Mix::iq1:
    case Mix::iq2_xs:
      return q2_k;
    case Mix::iq2_s:
    case Mix::iq3_xxs:
      return iq3_s;
    case Mix::ternary:
      return q4_k;
    default:
      return type;
  }
}

CodecId output_type(const Preset& preset) {
  switch (preset.mix) {
    case Mix::mxfp4_moe:
      return q8_0;
    case Mix::iq1:
    case Mix::iq2_xs:
    case Mix::iq2_s:
    case Mix::iq3_xxs:
      return q5_k;
    default:
      return preset.type == q8_0 ? q8_0 : q6_k;
  }
}

CodecId attention_output_type(Mix mix, CodecId type) {
  switch (mix) {
    case Mix::q2_k:
      return q3_k;
    case Mix::q3_k_m:
      return q4_k;
    case Mix::q3_k_l:
      return q5_k;
    case Mix::iq1:
      return iq2_xxs;
    case Mix::iq2_s:
    case Mix::iq3_xxs:
      return iq3_s;
    case Mix::iq3_m:
      return q4_k;
    default:
      return type;
  }
}

bool divides(CodecId id, std::uint64_t cols) { return cols % codec::codec_of(id).block_elements == 0; }

// What replaces a type whose super-block does not divide the row: of blocks of 32, at least as precise.
TypeChoice with_fallback(CodecId wanted, std::uint64_t cols) {
  if (divides(wanted, cols)) return {wanted, false};
  CodecId type = f16;
  switch (wanted) {
    case iq1_s:
    case iq1_m:
    case iq2_xxs:
    case iq2_xs:
    case iq2_s:
    case iq3_xxs:
    case iq3_s:
    case iq4_xs:
    case nvfp4:  // here llama-quantize gives up
      type = iq4_nl;
      break;
    case q1_0:  // here too
    case q2_0:
    case tq1_0:
    case tq2_0:
    case q2_k:
    case q3_k:
      type = q4_0;
      break;
    case q4_k:
      type = q5_0;
      break;
    case q5_k:
      type = q5_1;
      break;
    case q6_k:
      type = q8_0;
      break;
    default:
      break;
  }
  return {divides(type, cols) ? type : f16, true};
}

// Models of eight experts, where attention is small beside them: llama-quantize keeps k and v at 8 bits (at 4
// where the others have two), and gives the output of attention more in the presets of at most 4 bits but
// Q2_K_S and Q3_K_L.
std::optional<CodecId> eight_experts_type(const Preset& preset, Role role) {
  const bool tiny = is_tiny(preset.mix);
  if (role == Role::attention_v || role == Role::attention_k) return tiny ? q4_k : q8_0;
  if (role != Role::attention_output) return std::nullopt;
  constexpr std::array<std::string_view, 11> kMore{"Q2_K",  "Q3_K_S", "Q3_K_M", "IQ3_XXS", "IQ3_XS", "IQ3_S",
                                                   "IQ3_M", "IQ4_NL", "IQ4_XS", "Q4_K_S",  "Q4_K_M"};
  const bool more = tiny || std::find(kMore.begin(), kMore.end(), preset.name) != kMore.end();
  return more ? q5_k : preset.type;
}

// Counters that some rules depend on; tensors come in the order of their layers.
struct Counters {
  int attention_v = 0;
  int attention_v_total = 0;
  int ffn_down = 0;
  int ffn_gate = 0;
  int ffn_up = 0;
};

CodecId mixed_type(const Preset& preset, const ModelFacts& facts, const TypeOptions& options, bool tied,
                   const formats::TensorInfo& tensor, Counters& counters) {
  const Role role = role_of(tensor.name);
  if (role == Role::output || (tied && role == Role::embedding)) {
    if (options.output) return *options.output;
    return divides(preset.type, tensor.shape.cols()) ? output_type(preset) : q8_0;
  }
  // Experts are stacked into one tensor of rank 3; nothing else is made MXFP4.
  if (preset.mix == Mix::mxfp4_moe) return tensor.shape.rank() > 2 && tensor.shape[0] > 1 ? mxfp4 : q8_0;
  const int blocks = static_cast<int>(facts.blocks);
  if (facts.experts == 8) {
    if (const auto type = eight_experts_type(preset, role); type) return *type;
  }
  // Of several matrices of a kind in a layer (a shared expert) each counts as that layer's, but for the down
  // projections of tiny types.
  const auto place = [&](int& counter) {
    return facts.experts > 1 ? model::layer_of(tensor.name) : counter++;
  };
  switch (role) {
    case Role::attention_v:
      return attention_v_type(preset.mix, preset.type, counters.attention_v++, counters.attention_v_total,
                              facts);
    case Role::ffn_down:
      return ffn_down_type(preset.mix, preset.type,
                           is_tiny(preset.mix) ? counters.ffn_down++ : place(counters.ffn_down), blocks,
                           facts);
    case Role::attention_output:
      return attention_output_type(preset.mix, preset.type);
    case Role::attention_k:
    case Role::attention_q:
      return attention_kq_type(preset.mix, preset.type);
    case Role::ffn_gate:
      return ffn_in_type(preset.mix, preset.type, place(counters.ffn_gate), blocks);
    case Role::ffn_up:
      return ffn_in_type(preset.mix, preset.type, place(counters.ffn_up), blocks);
    case Role::embedding:
      return embedding_type(preset.mix, preset.type);
    default:
      return preset.type;
  }
}

std::vector<std::string_view> preset_names() {
  std::vector<std::string_view> names;
  names.reserve(std::size(kPresets));
  for (const Preset& p : kPresets) names.push_back(p.name);
  return names;
}

Error unknown_type(std::string_view what, std::string_view name, std::span<const std::string_view> known) {
  const std::vector<std::string> near = nearest(name, known);
  std::vector<std::string> all(known.begin(), known.end());
  return Error{kQuantTypeUnknown,
               std::string(what) + " '" + escape_untrusted(name) + "' is not known",
               near.empty() ? "choose one of " + join(all, " ") : "did you mean " + join(near, " or ") + "?",
               {},
               {}};
}

}  // namespace

std::span<const Preset> all_presets() { return kPresets; }

Result<Preset> find_preset(std::string_view name) {
  std::string wanted = to_lower_ascii(name);
  if (wanted == "q3_k" || wanted == "q4_k" || wanted == "q5_k") wanted += "_m";
  for (const Preset& p : kPresets) {
    if (to_lower_ascii(p.name) == wanted) return p;
  }
  std::vector<std::string_view> known = preset_names();
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (!codec.has_gguf_type()) known.push_back(codec.name);
  }
  return unknown_type("type", name, known);
}

Result<CodecId> find_type(std::string_view name) {
  const codec::Codec* found = codec::find_codec(name);
  if (found != nullptr && found->has_gguf_type()) return found->id;
  std::vector<std::string_view> names;
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (codec.has_gguf_type()) names.push_back(codec.name);
  }
  return unknown_type("tensor type", name, names);
}

bool is_quantizable(const formats::TensorInfo& tensor) {
  const std::string_view name = tensor.name;
  // GGUF drops trailing dimensions of 1 when it counts them.
  return tensor.shape.rank() >= 2 && tensor.shape.rows() > 1 && name.ends_with("weight") &&
         !has(name, "_norm.weight") && !has(name, "ffn_gate_inp.weight") && name != "position_embd.weight" &&
         name != "token_types.weight";
}

bool is_embedding(std::string_view name) {
  const Role role = role_of(name);
  return role == Role::embedding || role == Role::output;
}

bool is_ffn_down(std::string_view name) { return role_of(name) == Role::ffn_down; }

Result<std::vector<TypeChoice>> choose_types(const Preset& preset, const ModelFacts& facts,
                                             const TypeOptions& options,
                                             std::span<const formats::TensorInfo> tensors) {
  bool tied = true;
  Counters counters;
  for (const formats::TensorInfo& t : tensors) {
    const Role role = role_of(t.name);
    if (role == Role::output) tied = false;
    if (role == Role::attention_v) ++counters.attention_v_total;
  }
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tuple(model::layer_of(tensors[a].name), std::string_view(tensors[a].name)) <
           std::tuple(model::layer_of(tensors[b].name), std::string_view(tensors[b].name));
  });
  std::vector<TypeChoice> choices(tensors.size());
  for (const std::size_t i : order) {
    const formats::TensorInfo& tensor = tensors[i];
    TypeChoice& choice = choices[i];
    choice.type = tensor.codec;
    if (!is_quantizable(tensor)) continue;
    const std::uint64_t cols = tensor.shape.cols();
    const Role role = role_of(tensor.name);
    if (role == Role::embedding && options.embedding) {
      choice = with_fallback(*options.embedding, cols);
      choice.given = true;
      continue;
    }
    if (role == Role::output && options.output) {
      choice = with_fallback(*options.output, cols);
      choice.given = true;
      continue;
    }
    if (codec::codec_of(preset.type).is_plain_float()) {
      choice.type = preset.type;
      continue;
    }
    const TypeRule* rule = nullptr;
    for (const TypeRule& candidate : options.rules) {
      MOTE_ASSIGN(const bool matched, candidate.pattern.matches(tensor.name));
      if (matched) {
        rule = &candidate;
        break;
      }
    }
    CodecId wanted = preset.type;
    if (rule != nullptr) {
      wanted = rule->type;
    } else if (!options.pure) {
      wanted = mixed_type(preset, facts, options, tied, tensor, counters);
    }
    choice = with_fallback(wanted, cols);
    choice.given = rule != nullptr;
  }
  return choices;
}

}  // namespace mote::quantize
