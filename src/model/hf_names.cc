#include "model/hf_names.h"

namespace mote::model {
namespace {

constexpr std::array kCommonNames{
    HfName{Role::token_embd, "model.embed_tokens.weight"},
    HfName{Role::output, "lm_head.weight"},
    HfName{Role::output_norm, "model.norm.weight"},
    HfName{Role::attn_norm, "input_layernorm.weight"},
    HfName{Role::attn_q, "self_attn.q_proj.weight"},
    HfName{Role::attn_k, "self_attn.k_proj.weight"},
    HfName{Role::attn_v, "self_attn.v_proj.weight"},
    HfName{Role::attn_output, "self_attn.o_proj.weight"},
    HfName{Role::attn_q_norm, "self_attn.q_norm.weight"},
    HfName{Role::attn_k_norm, "self_attn.k_norm.weight"},
    HfName{Role::ffn_norm, "post_attention_layernorm.weight"},
    HfName{Role::ffn_gate, "mlp.gate_proj.weight"},
    HfName{Role::ffn_up, "mlp.up_proj.weight"},
    HfName{Role::ffn_down, "mlp.down_proj.weight"},
    HfName{Role::router, "mlp.gate.weight"},
    HfName{Role::gate_exps, "mlp.experts.{}.gate_proj.weight"},
    HfName{Role::up_exps, "mlp.experts.{}.up_proj.weight"},
    HfName{Role::down_exps, "mlp.experts.{}.down_proj.weight"},
    HfName{Role::gate_exps, "mlp.experts.gate_up_proj", HfRows::first_half},
    HfName{Role::up_exps, "mlp.experts.gate_up_proj", HfRows::second_half},
    HfName{Role::down_exps, "mlp.experts.down_proj"},
    HfName{Role::shared_router, "mlp.shared_expert_gate.weight"},
    HfName{Role::shared_gate, "mlp.shared_expert.gate_proj.weight"},
    HfName{Role::shared_up, "mlp.shared_expert.up_proj.weight"},
    HfName{Role::shared_down, "mlp.shared_expert.down_proj.weight"},
};

std::string full_name(const ArchEntry& arch, const HfName& entry, std::uint32_t block, bool bias) {
  std::string out;
  if (is_block_role(entry.role)) {
    out = arch.hf_block_prefix;
    out += std::to_string(block) + ".";
  }
  constexpr std::string_view kWeight = ".weight";
  std::string_view name = entry.name;
  if (bias && name.ends_with(kWeight)) {
    name.remove_suffix(kWeight.size());
    out += name;
    out += ".bias";
  } else {
    out += name;
  }
  return out;
}

}  // namespace

std::vector<HfPlace> hf_places(const ArchEntry& arch, Role role, std::uint32_t block, bool bias) {
  std::vector<HfPlace> out;
  for (const HfName& entry : arch.hf_names) {
    if (entry.role == role) out.push_back({full_name(arch, entry, block, bias), entry.rows});
  }
  for (const HfName& entry : kCommonNames) {
    if (entry.role == role) out.push_back({full_name(arch, entry, block, bias), entry.rows});
  }
  return out;
}

}  // namespace mote::model
