#include "model/tensor_names.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace mote::model {
namespace {

struct RoleName {
  Role role;
  std::string_view gguf;  // without ".weight", after "blk.N." where `in_block`
  bool in_block;
};

constexpr std::array<RoleName, kRoleCount> kRoleNames{{
    {Role::token_embd, "token_embd", false},
    {Role::position_embd, "position_embd", false},
    {Role::token_types, "token_types", false},
    {Role::embd_norm, "token_embd_norm", false},
    {Role::output, "output", false},
    {Role::output_norm, "output_norm", false},
    {Role::rope_freqs, "rope_freqs", false},  // these three are computed from the configuration
    {Role::rope_short, "rope_factors_short", false},
    {Role::rope_long, "rope_factors_long", false},
    {Role::attn_norm, "attn_norm", true},
    {Role::attn_q, "attn_q", true},
    {Role::attn_k, "attn_k", true},
    {Role::attn_v, "attn_v", true},
    {Role::attn_qkv, "attn_qkv", true},
    {Role::attn_output, "attn_output", true},
    {Role::attn_q_norm, "attn_q_norm", true},
    {Role::attn_k_norm, "attn_k_norm", true},
    {Role::attn_post_norm, "post_attention_norm", true},
    {Role::attn_sum_norm, "attn_output_norm", true},
    {Role::ffn_norm, "ffn_norm", true},
    {Role::ffn_gate, "ffn_gate", true},
    {Role::ffn_up, "ffn_up", true},
    {Role::ffn_down, "ffn_down", true},
    {Role::ffn_post_norm, "post_ffw_norm", true},
    {Role::ffn_sum_norm, "layer_output_norm", true},
    {Role::router, "ffn_gate_inp", true},
    {Role::gate_exps, "ffn_gate_exps", true},
    {Role::up_exps, "ffn_up_exps", true},
    {Role::gate_up_exps, "ffn_gate_up_exps", true},
    {Role::down_exps, "ffn_down_exps", true},
    {Role::shared_router, "ffn_gate_inp_shexp", true},
    {Role::shared_gate, "ffn_gate_shexp", true},
    {Role::shared_up, "ffn_up_shexp", true},
    {Role::shared_down, "ffn_down_shexp", true},
}};

constexpr bool in_role_order() {
  for (std::size_t i = 0; i < kRoleNames.size(); ++i) {
    if (static_cast<std::size_t>(kRoleNames[i].role) != i) return false;
  }
  return true;
}
static_assert(in_role_order(), "kRoleNames is indexed by Role");

class Needs {
 public:
  explicit Needs(const ModelSpec& spec) : spec_(spec) {}

  std::vector<TensorNeed> all() {
    const std::uint64_t width = spec_.width;
    add(Role::token_embd, {spec_.vocab, width});
    if (spec_.token_types > 0) add(Role::token_types, {spec_.token_types, width});
    if (spec_.learned_positions) add(Role::position_embd, {spec_.context, width});
    if (!spec_.causal) norm(Role::embd_norm, {width});
    for (block_ = 0; block_ < spec_.blocks; ++block_) {
      if (spec_.norms.before) norm(Role::attn_norm, {width});
      if (spec_.experts.count == 0) {
        network();
      } else {
        experts();
      }
      if (spec_.norms.before && !spec_.parallel_residual) norm(Role::ffn_norm, {width});
      attention();
      if (spec_.norms.after) norm(Role::attn_post_norm, {width});
      if (spec_.norms.after) norm(Role::ffn_post_norm, {width});
      if (spec_.norms.after_sum) norm(Role::attn_sum_norm, {width});
      if (spec_.norms.after_sum) norm(Role::ffn_sum_norm, {width});
    }
    block_ = 0;
    if (spec_.has_head()) norm(Role::output_norm, {width});
    if (spec_.has_head() && !spec_.tied_head) add(Role::output, {spec_.vocab, width});
    return std::move(needs_);
  }

 private:
  void add(Role role, const Shape& shape, bool bias = false) {
    needs_.push_back({role, bias, block_, gguf_name(role, block_, bias), shape});
  }
  void linear(Role role, std::uint64_t rows, std::uint64_t cols, bool bias) {
    add(role, {rows, cols});
    if (bias) add(role, {rows}, true);
  }
  void norm(Role role, const Shape& shape) {
    add(role, shape);
    if (spec_.norm_bias) add(role, shape, true);
  }

  void network() {
    const std::uint64_t hidden = spec_.hidden;
    linear(Role::ffn_down, spec_.width, hidden, spec_.ffn_bias);
    const bool gate = spec_.gated && !spec_.fused_gate_up;
    if (gate) linear(Role::ffn_gate, hidden, spec_.width, spec_.ffn_bias);
    linear(Role::ffn_up, spec_.gated && spec_.fused_gate_up ? 2 * hidden : hidden, spec_.width,
           spec_.ffn_bias);
  }
  void experts() {
    const ExpertSpec& e = spec_.experts;
    const std::uint64_t width = spec_.width;
    add(Role::router, {e.count, width});
    add(Role::down_exps, {e.count, width, e.hidden});
    if (spec_.fused_gate_up) {
      add(Role::gate_up_exps, {e.count, 2 * std::uint64_t{e.hidden}, width});
    } else {
      add(Role::gate_exps, {e.count, e.hidden, width});
      add(Role::up_exps, {e.count, e.hidden, width});
    }
    if (e.shared_hidden == 0) return;
    if (e.shared_gate) add(Role::shared_router, {width});
    add(Role::shared_down, {width, e.shared_hidden});
    add(Role::shared_gate, {e.shared_hidden, width});
    add(Role::shared_up, {e.shared_hidden, width});
  }
  void attention() {
    const std::uint64_t width = spec_.width;
    const std::uint64_t q = spec_.q_width();
    const std::uint64_t kv = spec_.kv_width();
    if (spec_.fused_qkv) {
      linear(Role::attn_qkv, q + 2 * kv, width, spec_.qkv_bias);
    } else {
      linear(Role::attn_k, kv, width, spec_.qkv_bias);
    }
    if (spec_.qk_norm != QkNorm::none) add(Role::attn_k_norm, qk_norm_shape(spec_.kv_heads));
    linear(Role::attn_output, width, q, spec_.output_bias);
    if (!spec_.fused_qkv) linear(Role::attn_q, q, width, spec_.qkv_bias);
    if (spec_.qk_norm != QkNorm::none) add(Role::attn_q_norm, qk_norm_shape(spec_.heads));
    if (!spec_.fused_qkv) linear(Role::attn_v, kv, width, spec_.qkv_bias);
  }
  [[nodiscard]] Shape qk_norm_shape(std::uint32_t heads) const {
    if (spec_.qk_norm == QkNorm::head) return {spec_.head_dim};
    if (spec_.qk_norm == QkNorm::own_head) return {heads, spec_.head_dim};
    return {std::uint64_t{heads} * spec_.head_dim};
  }

  const ModelSpec& spec_;
  std::uint32_t block_ = 0;
  std::vector<TensorNeed> needs_;
};

}  // namespace

bool is_block_role(Role role) { return kRoleNames[static_cast<std::size_t>(role)].in_block; }

bool is_kept_float(Role role) {
  switch (role) {
    case Role::position_embd:
    case Role::token_types:
    case Role::router:
    case Role::shared_router:
    case Role::attn_q_norm:
    case Role::attn_k_norm:
      return true;
    default:
      return false;  // the other norms are vectors, which are always read in F32
  }
}

std::string gguf_name(Role role, std::uint32_t block, bool bias) {
  const RoleName& name = kRoleNames[static_cast<std::size_t>(role)];
  std::string out;
  if (name.in_block) out = "blk." + std::to_string(block) + ".";
  out += name.gguf;
  out += bias ? ".bias" : ".weight";
  return out;
}

int layer_of(std::string_view name) {
  if (!name.starts_with("blk.")) return -1;
  name.remove_prefix(4);
  const auto number = parse_uint64(name.substr(0, std::min(name.find('.'), name.size())));
  return number.has_value() && *number <= 1'000'000 ? static_cast<int>(*number) : -1;
}

std::string head_name(const ModelSpec& spec) {
  return gguf_name(spec.tied_head ? Role::token_embd : Role::output);
}

std::vector<TensorNeed> needed_tensors(const ModelSpec& spec) { return Needs(spec).all(); }

std::vector<std::uint64_t> matrix_rows(const ModelSpec& spec, std::string_view gguf_name,
                                       const Shape& shape) {
  const auto is = [&](Role role) {
    const RoleName& name = kRoleNames[static_cast<std::size_t>(role)];
    return gguf_name.ends_with("." + std::string(name.gguf) + ".weight");
  };
  if (is(Role::attn_qkv)) return {spec.q_width(), spec.kv_width(), spec.kv_width()};
  if (is(Role::ffn_up) && spec.gated && spec.fused_gate_up) return {spec.hidden, spec.hidden};
  if (shape.rank() == 3) {
    const std::uint64_t parts = is(Role::gate_up_exps) ? 2 : 1;
    return std::vector<std::uint64_t>(shape[0] * parts, shape[1] / parts);
  }
  return {shape.rows()};
}

}  // namespace mote::model
