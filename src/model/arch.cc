#include "model/arch.h"

#include <array>

namespace mote::model {
namespace {

constexpr std::array<ArchEntry, 3> kArchs{{
    {.gguf_name = "llama",
     .hf_class = "LlamaForCausalLM",
     .hf_type = "llama",
     .pairs = RopePairs::adjacent,
     .permute_qk = true,
     .qkv_bias = false,
     .qk_norm = false},
    {.gguf_name = "qwen2",
     .hf_class = "Qwen2ForCausalLM",
     .hf_type = "qwen2",
     .pairs = RopePairs::halves,
     .permute_qk = false,
     .qkv_bias = true,
     .qk_norm = false},
    {.gguf_name = "qwen3",
     .hf_class = "Qwen3ForCausalLM",
     .hf_type = "qwen3",
     .pairs = RopePairs::halves,
     .permute_qk = false,
     .qkv_bias = false,
     .qk_norm = true},
}};

struct RoleNames {
  Role role;
  std::string_view gguf;  // after "blk.N." where `in_block`
  std::string_view hf;    // after "model.layers.N." where `in_block`
  bool in_block;
};

constexpr std::array<RoleNames, kRoleCount> kRoleNames{{
    {Role::token_embd, "token_embd.weight", "model.embed_tokens.weight", false},
    {Role::output, "output.weight", "lm_head.weight", false},
    {Role::output_norm, "output_norm.weight", "model.norm.weight", false},
    {Role::rope_freqs, "rope_freqs.weight", "", false},  // computed from the configuration, never in a folder
    {Role::attn_norm, "attn_norm.weight", "input_layernorm.weight", true},
    {Role::attn_q, "attn_q.weight", "self_attn.q_proj.weight", true},
    {Role::attn_k, "attn_k.weight", "self_attn.k_proj.weight", true},
    {Role::attn_v, "attn_v.weight", "self_attn.v_proj.weight", true},
    {Role::attn_q_bias, "attn_q.bias", "self_attn.q_proj.bias", true},
    {Role::attn_k_bias, "attn_k.bias", "self_attn.k_proj.bias", true},
    {Role::attn_v_bias, "attn_v.bias", "self_attn.v_proj.bias", true},
    {Role::attn_output, "attn_output.weight", "self_attn.o_proj.weight", true},
    {Role::attn_output_bias, "attn_output.bias", "self_attn.o_proj.bias", true},
    {Role::attn_q_norm, "attn_q_norm.weight", "self_attn.q_norm.weight", true},
    {Role::attn_k_norm, "attn_k_norm.weight", "self_attn.k_norm.weight", true},
    {Role::ffn_norm, "ffn_norm.weight", "post_attention_layernorm.weight", true},
    {Role::ffn_gate, "ffn_gate.weight", "mlp.gate_proj.weight", true},
    {Role::ffn_up, "ffn_up.weight", "mlp.up_proj.weight", true},
    {Role::ffn_down, "ffn_down.weight", "mlp.down_proj.weight", true},
}};

constexpr bool in_role_order() {
  for (std::size_t i = 0; i < kRoleNames.size(); ++i) {
    if (static_cast<std::size_t>(kRoleNames[i].role) != i) return false;
  }
  return true;
}
static_assert(in_role_order(), "kRoleNames is indexed by Role");

std::string with_block(std::string_view prefix, std::uint32_t block, std::string_view name) {
  std::string out(prefix);
  out += std::to_string(block);
  out += '.';
  out += name;
  return out;
}

}  // namespace

std::span<const ArchEntry> all_archs() { return kArchs; }

const ArchEntry* find_arch_by_gguf_name(std::string_view name) {
  for (const ArchEntry& arch : kArchs) {
    if (arch.gguf_name == name) return &arch;
  }
  return nullptr;
}

const ArchEntry* find_arch_by_hf(std::string_view hf_class, std::string_view hf_type) {
  for (const ArchEntry& arch : kArchs) {
    if (hf_class.empty() ? arch.hf_type == hf_type : arch.hf_class == hf_class) return &arch;
  }
  return nullptr;
}

std::string known_arch_names() {
  std::string out;
  for (const ArchEntry& arch : kArchs) {
    if (!out.empty()) out += ", ";
    out += arch.gguf_name;
  }
  return out;
}

bool is_block_role(Role role) { return kRoleNames[static_cast<std::size_t>(role)].in_block; }

std::string gguf_name(Role role, std::uint32_t block) {
  const RoleNames& names = kRoleNames[static_cast<std::size_t>(role)];
  return names.in_block ? with_block("blk.", block, names.gguf) : std::string(names.gguf);
}

std::string hf_name(Role role, std::uint32_t block) {
  const RoleNames& names = kRoleNames[static_cast<std::size_t>(role)];
  return names.in_block ? with_block("model.layers.", block, names.hf) : std::string(names.hf);
}

std::vector<TensorNeed> needed_tensors(const ModelSpec& spec) {
  std::vector<TensorNeed> needs;
  const auto add = [&](Role role, std::uint32_t block, const Shape& shape) {
    needs.push_back({role, block, gguf_name(role, block), shape});
  };
  const std::uint64_t width = spec.width;
  const std::uint64_t q = spec.q_width();
  const std::uint64_t kv = spec.kv_width();
  add(Role::token_embd, 0, {spec.vocab, width});
  for (std::uint32_t b = 0; b < spec.blocks; ++b) {
    add(Role::attn_norm, b, {width});
    add(Role::ffn_down, b, {width, spec.hidden});
    add(Role::ffn_gate, b, {spec.hidden, width});
    add(Role::ffn_up, b, {spec.hidden, width});
    add(Role::ffn_norm, b, {width});
    add(Role::attn_k, b, {kv, width});
    if (spec.qkv_bias) add(Role::attn_k_bias, b, {kv});
    if (spec.qk_norm) add(Role::attn_k_norm, b, {spec.head_dim});
    add(Role::attn_output, b, {width, q});
    if (spec.output_bias) add(Role::attn_output_bias, b, {width});
    add(Role::attn_q, b, {q, width});
    if (spec.qkv_bias) add(Role::attn_q_bias, b, {q});
    if (spec.qk_norm) add(Role::attn_q_norm, b, {spec.head_dim});
    add(Role::attn_v, b, {kv, width});
    if (spec.qkv_bias) add(Role::attn_v_bias, b, {kv});
  }
  add(Role::output_norm, 0, {width});
  if (!spec.tied_head) add(Role::output, 0, {spec.vocab, width});
  return needs;
}

}  // namespace mote::model
