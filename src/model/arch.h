// The table of architectures: one entry says what names mean and which flags hold. Adding one: an entry in
// arch.cc, its small random model in tests/oracles/tiny_models_oracle.py.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/spec.h"
#include "tensor/shape.h"

namespace mote::model {

struct ArchEntry {
  std::string_view gguf_name;  // general.architecture, and prefix of its keys
  std::string_view hf_class;   // config.json: architectures[0]
  std::string_view hf_type;    // config.json: model_type
  RopePairs pairs;             // in GGUF's row order
  bool permute_qk;  // rows of q and k move from halves to adjacent pairs on the way from Hugging Face
  bool qkv_bias;    // always has them; where false, config.json's attention_bias decides
  bool qk_norm;
};

std::span<const ArchEntry> all_archs();
const ArchEntry* find_arch_by_gguf_name(std::string_view name);
const ArchEntry* find_arch_by_hf(std::string_view hf_class, std::string_view hf_type);
std::string known_arch_names();  // "llama, qwen2, qwen3"

// One tensor that a spec asks for, under both names. `block` is -1 outside the blocks.
enum class Role : std::uint8_t {
  token_embd,
  output,
  output_norm,
  rope_freqs,
  attn_norm,
  attn_q,
  attn_k,
  attn_v,
  attn_q_bias,
  attn_k_bias,
  attn_v_bias,
  attn_output,
  attn_output_bias,
  attn_q_norm,
  attn_k_norm,
  ffn_norm,
  ffn_gate,
  ffn_up,
  ffn_down,
};
inline constexpr std::size_t kRoleCount = 19;
bool is_block_role(Role role);
std::string gguf_name(Role role, std::uint32_t block = 0);  // "blk.3.attn_q.weight"
std::string hf_name(Role role, std::uint32_t block = 0);    // "model.layers.3.self_attn.q_proj.weight"

// All tensors that the spec needs, with their shapes, in GGUF's usual order (rope_freqs is optional and not
// listed).
struct TensorNeed {
  Role role;
  std::uint32_t block;
  std::string name;  // GGUF's
  Shape shape;
};
std::vector<TensorNeed> needed_tensors(const ModelSpec& spec);

}  // namespace mote::model
