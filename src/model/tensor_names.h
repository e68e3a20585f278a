// The tensors of a model by role: GGUF's names, and which ones a spec needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/spec.h"
#include "tensor/shape.h"

namespace mote::model {

enum class Role : std::uint8_t {
  token_embd,
  position_embd,
  token_types,
  embd_norm,
  output,
  output_norm,
  rope_freqs,
  rope_short,
  rope_long,
  attn_norm,
  attn_q,
  attn_k,
  attn_v,
  attn_qkv,  // rows of q, k, v
  attn_output,
  attn_q_norm,
  attn_k_norm,
  attn_post_norm,
  attn_sum_norm,
  ffn_norm,
  ffn_gate,
  ffn_up,  // rows of gate and up where those are fused
  ffn_down,
  ffn_post_norm,
  ffn_sum_norm,
  router,
  gate_exps,  // [experts, hidden, width]
  up_exps,
  gate_up_exps,
  down_exps,
  shared_router,
  shared_gate,
  shared_up,
  shared_down,
};
inline constexpr std::size_t kRoleCount = 34;

bool is_block_role(Role role);
// Norms, routers and position tables: read in F32 and never quantized.
bool is_kept_float(Role role);
std::string gguf_name(Role role, std::uint32_t block = 0, bool bias = false);  // "blk.3.attn_q.weight"
// Block number of "blk.N.", -1 for other tensors.
int layer_of(std::string_view gguf_name);
// The head, or the embedding that serves as one.
std::string head_name(const ModelSpec& spec);

// All tensors that the spec needs, with their shapes, in GGUF's usual order (those of rope are optional and
// not listed). `block` is 0 outside the blocks.
struct TensorNeed {
  Role role;
  bool bias;
  std::uint32_t block;
  std::string name;  // GGUF's
  Shape shape;
};
std::vector<TensorNeed> needed_tensors(const ModelSpec& spec);

// The matrices that the engine makes of a tensor of the spec, by their rows: q, k and v of a fused one, one
// per expert.
std::vector<std::uint64_t> matrix_rows(const ModelSpec& spec, std::string_view gguf_name, const Shape& shape);

}  // namespace mote::model
