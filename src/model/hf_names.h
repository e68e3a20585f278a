// Hugging Face's names of tensors: the common ones, and what single architectures spell differently.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "model/arch.h"
#include "model/tensor_names.h"

namespace mote::model {

inline constexpr std::array kBothNormNames{
    HfName{Role::attn_post_norm, "post_attention_layernorm.weight"},
    HfName{Role::ffn_norm, "pre_feedforward_layernorm.weight"},
    HfName{Role::ffn_post_norm, "post_feedforward_layernorm.weight"},
};

inline constexpr std::array kAfterNormNames{
    HfName{Role::attn_post_norm, "post_attention_layernorm.weight"},
    HfName{Role::ffn_post_norm, "post_feedforward_layernorm.weight"},
};

inline constexpr std::array kPhi3Names{
    HfName{Role::attn_qkv, "self_attn.qkv_proj.weight"},
    HfName{Role::ffn_up, "mlp.gate_up_proj.weight"},
};

inline constexpr std::array kStableLmNames{
    HfName{Role::attn_q_norm, "self_attn.q_layernorm.norms.{}.weight"},
    HfName{Role::attn_k_norm, "self_attn.k_layernorm.norms.{}.weight"},
};

inline constexpr std::array kMixtralNames{
    HfName{Role::router, "block_sparse_moe.gate.weight"},
    HfName{Role::gate_exps, "block_sparse_moe.experts.{}.w1.weight"},
    HfName{Role::up_exps, "block_sparse_moe.experts.{}.w3.weight"},
    HfName{Role::down_exps, "block_sparse_moe.experts.{}.w2.weight"},
};

inline constexpr std::array kGraniteMoeNames{
    HfName{Role::router, "block_sparse_moe.router.layer.weight"},
    HfName{Role::gate_exps, "block_sparse_moe.input_linear.weight", HfRows::first_half},
    HfName{Role::up_exps, "block_sparse_moe.input_linear.weight", HfRows::second_half},
    HfName{Role::down_exps, "block_sparse_moe.output_linear.weight"},
};

inline constexpr std::array kBertNames{
    HfName{Role::token_embd, "embeddings.word_embeddings.weight"},
    HfName{Role::position_embd, "embeddings.position_embeddings.weight"},
    HfName{Role::token_types, "embeddings.token_type_embeddings.weight"},
    HfName{Role::embd_norm, "embeddings.LayerNorm.weight"},
    HfName{Role::attn_q, "attention.self.query.weight"},
    HfName{Role::attn_k, "attention.self.key.weight"},
    HfName{Role::attn_v, "attention.self.value.weight"},
    HfName{Role::attn_output, "attention.output.dense.weight"},
    HfName{Role::attn_sum_norm, "attention.output.LayerNorm.weight"},
    HfName{Role::ffn_up, "intermediate.dense.weight"},
    HfName{Role::ffn_down, "output.dense.weight"},
    HfName{Role::ffn_sum_norm, "output.LayerNorm.weight"},
};

inline constexpr std::array kNomicBertNames{
    HfName{Role::token_embd, "embeddings.word_embeddings.weight"},
    HfName{Role::token_types, "embeddings.token_type_embeddings.weight"},
    HfName{Role::embd_norm, "emb_ln.weight"},
    HfName{Role::attn_qkv, "attn.Wqkv.weight"},
    HfName{Role::attn_output, "attn.out_proj.weight"},
    HfName{Role::attn_sum_norm, "norm1.weight"},
    HfName{Role::ffn_up, "mlp.fc11.weight"},
    HfName{Role::ffn_gate, "mlp.fc12.weight"},
    HfName{Role::ffn_down, "mlp.fc2.weight"},
    HfName{Role::ffn_sum_norm, "norm2.weight"},
};

inline constexpr std::array<std::string_view, 3> kBertIgnored{"pooler.", "cls.", "embeddings.position_ids"};

// Where a needed tensor may lie, best guess first; several where folders differ (experts one by one, as
// published, or all in one tensor, as transformers keeps them).
struct HfPlace {
  std::string name;  // "{}" left for numbers
  HfRows rows = HfRows::all;
};
std::vector<HfPlace> hf_places(const ArchEntry& arch, Role role, std::uint32_t block, bool bias = false);

}  // namespace mote::model
