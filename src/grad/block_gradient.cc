#include "grad/block_gradient.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "engine/activation.h"
#include "engine/norms.h"
#include "grad/activation_gradient.h"
#include "grad/norm_gradient.h"

namespace mote::grad {
namespace {

constexpr std::size_t kTokensAtOnce = 16;

AttentionShape shape_of(const model::ModelSpec& spec, std::size_t tokens) {
  return {.tokens = tokens,
          .heads = spec.heads,
          .kv_heads = spec.kv_heads,
          .head_dim = spec.head_dim,
          .scale = static_cast<float>(spec.attention_scale),
          .cap = static_cast<float>(spec.score_cap),
          .window = 0};
}

std::vector<float> angles_of(const engine::Rope& rope, std::size_t tokens) {
  std::vector<float> out(tokens * 2 * rope.pairs());
  for (std::size_t t = 0; t < tokens; ++t) rope.angles(t, out.data() + t * 2 * rope.pairs());
  return out;
}

}  // namespace

bool has_block_gradient(const model::ModelSpec& spec) {
  return spec.causal && spec.experts.count == 0 && spec.has_head();
}

std::optional<std::uint64_t> block_gradient_bytes(const model::ModelSpec& spec, std::size_t tokens,
                                                  unsigned threads) {
  const std::uint64_t q = spec.q_width();
  const std::uint64_t kv = spec.kv_width();
  const std::uint64_t dims = std::uint64_t{spec.rope.dims} + spec.local_rope.dims;
  const bool raw = spec.qk_norm != model::QkNorm::none;
  const Checked pairs = Checked(tokens) * tokens;
  // Weights of all heads, and of one head and turned for each thread.
  const Checked attention =
      pairs * (Checked(spec.heads) + std::uint64_t{2} * threads) + Checked(tokens) * q * 2;
  // The streams and norms of a block, its heads, its network, as the members are.
  const Checked per_token = Checked(spec.width) * 10 + Checked(q) * (raw ? 5 : 4) +
                            Checked(kv) * (raw ? 5 : 4) + Checked(spec.hidden) * 4 + dims;
  // Sixteen rows of a derivative and of what it is made of (products.cc).
  const Checked rows =
      Checked(16 * threads) *
      (Checked(tokens) + std::max(std::max(q, std::uint64_t{spec.width}), std::uint64_t{spec.hidden}));
  return ((attention + per_token * tokens + rows) * sizeof(float)).value();
}

BlockGradient::BlockGradient(engine::Runtime& runtime, const model::ModelSpec& spec, std::size_t tokens)
    : runtime_(runtime),
      kernels_(runtime.kernels()),
      spec_(spec),
      tokens_(tokens),
      width_(spec.width),
      rope_(spec.rope, tokens),
      local_rope_(spec.local_rope, tokens),
      angles_(angles_of(rope_, tokens)),
      local_angles_(angles_of(local_rope_, tokens)),
      attention_(runtime.pool(), runtime.kernels(), shape_of(spec, tokens)) {
  const std::size_t wide = tokens * width_;
  for (std::vector<float>* v :
       {&in_, &attn_in_, &attn_y_, &middle_sum_, &middle_, &ffn_in_, &ffn_y_, &out_sum_, &of_width_}) {
    v->resize(wide);
  }
  for (Heads* heads : {&q_, &k_}) {
    const std::size_t count = tokens * (heads == &q_ ? spec.q_width() : spec.kv_width());
    heads->ready.resize(count);
    heads->gradient.resize(count);
    if (spec.qk_norm != model::QkNorm::none) heads->raw.resize(count);
  }
  v_.resize(tokens * spec.kv_width());
  dv_.resize(v_.size());
  attended_.resize(tokens * spec.q_width());
  of_heads_.resize(attended_.size());
  for (std::vector<float>* v : {&gate_, &up_, &activated_, &of_hidden_}) v->resize(tokens * spec.hidden);
}

void BlockGradient::project(BlockMatrix which, const float* x, const std::vector<float>& bias, float* out) {
  const Matrix& w = matrix(which);
  multiply(runtime_.pool(), kernels_, w, x, tokens_, out);
  if (bias.empty()) return;
  for (std::size_t t = 0; t < tokens_; ++t) {
    kernels_.add(out + t * w.rows, bias.data(), out + t * w.rows, w.rows);
  }
}

void BlockGradient::normalize(const float* x, const engine::Norm& norm, float* out) {
  runtime_.pool().parallel_for(tokens_, kTokensAtOnce, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      engine::apply_norm(kernels_, spec_, x + t * width_, norm, out + t * width_);
    }
  });
}

void BlockGradient::unnormalize(const float* x, const engine::Norm& norm, float* gradient) {
  runtime_.pool().parallel_for(tokens_, kTokensAtOnce, [&](std::size_t begin, std::size_t end) {
    std::vector<float> by_input(width_);
    for (std::size_t t = begin; t < end; ++t) {
      std::ranges::fill(by_input, 0.0F);
      add_norm_gradient(spec_, x + t * width_, norm.weight.data(), gradient + t * width_, by_input.data(),
                        width_);
      std::ranges::copy(by_input, gradient + t * width_);
    }
  });
}

// Turns backwards with sines of the other sign: the inverse of a turn, times the same magnitude, is its
// transpose.
void BlockGradient::turn_heads(float* x, std::size_t count, bool back) {
  const model::RopeUse use = spec_.block_specs[index_].rope;
  if (use == model::RopeUse::none) return;
  const bool local = use == model::RopeUse::local;
  const engine::Rope& rope = local ? local_rope_ : rope_;
  const std::vector<float>& angles = local ? local_angles_ : angles_;
  const std::size_t floats = 2 * rope.pairs();
  runtime_.pool().parallel_for(tokens_, kTokensAtOnce, [&](std::size_t begin, std::size_t end) {
    std::vector<float> turned(floats);
    for (std::size_t t = begin; t < end; ++t) {
      std::copy_n(angles.data() + t * floats, floats, turned.data());
      if (back) {
        for (std::size_t i = rope.pairs(); i < floats; ++i) turned[i] = -turned[i];
      }
      rope.apply(kernels_, turned.data(), x + t * count * spec_.head_dim, count, spec_.head_dim);
    }
  });
}

// Work on every vector that one norm of q or k covers: a head, or the projection as a whole.
template <typename F>
void over_normed(const model::ModelSpec& spec, std::size_t heads, std::size_t tokens, const F& work) {
  const bool whole = spec.qk_norm == model::QkNorm::projection;
  const std::size_t n = whole ? heads * spec.head_dim : spec.head_dim;
  const std::size_t weight_step = spec.qk_norm == model::QkNorm::own_head ? spec.head_dim : 0;
  const std::size_t pieces = whole ? 1 : heads;
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t p = 0; p < pieces; ++p) work((t * pieces + p) * n, p * weight_step, n);
  }
}

void BlockGradient::prepare(Heads& heads, std::size_t count, const engine::Norm& norm) {
  if (spec_.qk_norm != model::QkNorm::none) {
    std::swap(heads.raw, heads.ready);
    over_normed(spec_, count, tokens_, [&](std::size_t at, std::size_t weight, std::size_t n) {
      const float* bias = norm.bias.empty() ? nullptr : norm.bias.data() + weight;
      engine::apply_norm(kernels_, spec_, heads.raw.data() + at, norm.weight.data() + weight, bias,
                         heads.ready.data() + at, n);
    });
  }
  turn_heads(heads.ready.data(), count, false);
}

void BlockGradient::unprepare(Heads& heads, std::size_t count, const engine::Norm& norm) {
  turn_heads(heads.gradient.data(), count, true);
  if (spec_.qk_norm == model::QkNorm::none) return;
  std::vector<float> by_input;
  over_normed(spec_, count, tokens_, [&](std::size_t at, std::size_t weight, std::size_t n) {
    by_input.assign(n, 0.0F);
    add_norm_gradient(spec_, heads.raw.data() + at, norm.weight.data() + weight, heads.gradient.data() + at,
                      by_input.data(), n);
    std::ranges::copy(by_input, heads.gradient.begin() + static_cast<std::ptrdiff_t>(at));
  });
}

void BlockGradient::add_contribution(const float* y, const engine::Norm& norm, float* out) {
  const auto scale = static_cast<float>(spec_.residual_scale);
  if (!spec_.norms.after) {
    kernels_.add_scaled(out, y, scale, out, tokens_ * width_);
    return;
  }
  normalize(y, norm, of_width_.data());
  kernels_.add_scaled(out, of_width_.data(), scale, out, tokens_ * width_);
}

void BlockGradient::uncontribute(const float* y, const engine::Norm& norm, const float* by_out, float* to) {
  kernels_.scale(by_out, static_cast<float>(spec_.residual_scale), to, tokens_ * width_);
  if (spec_.norms.after) unnormalize(y, norm, to);
}

void BlockGradient::take_gradient(BlockMatrix which, const float* g, const float* x) {
  if (take_ == nullptr) return;
  const Matrix& w = matrix(which);
  weight_gradient(
      runtime_.pool(), kernels_, g, w.rows, x, w.cols, tokens_,
      [&](std::size_t first, std::size_t count, const float* rows) { (*take_)(which, first, count, rows); });
}

void BlockGradient::run_network() {
  const engine::Network& network = fixed_->ffn;
  project(BlockMatrix::up, ffn_in_.data(), network.up.bias, up_.data());
  if (!spec_.gated) {
    std::ranges::copy(up_, activated_.begin());
    engine::activate(spec_.activation, activated_.data(), activated_.size());
  } else {
    project(BlockMatrix::gate, ffn_in_.data(), network.gate.bias, gate_.data());
    runtime_.pool().parallel_for(tokens_, kTokensAtOnce, [&](std::size_t begin, std::size_t end) {
      const std::size_t at = begin * spec_.hidden;
      const std::size_t n = (end - begin) * spec_.hidden;
      std::vector<float> up(up_.data() + at, up_.data() + at + n);
      std::copy_n(gate_.data() + at, n, activated_.data() + at);
      engine::activate_gated(kernels_, spec_.activation, activated_.data() + at, up.data(), n);
    });
  }
  project(BlockMatrix::down, activated_.data(), network.down.bias, ffn_y_.data());
}

void BlockGradient::forward(std::size_t index, const engine::BlockWeights& fixed,
                            const BlockMatrices& matrices, const float* in, float* out) {
  index_ = index;
  fixed_ = &fixed;
  matrices_ = &matrices;
  const std::size_t wide = tokens_ * width_;
  std::copy_n(in, wide, in_.data());
  if (spec_.norms.before) {
    normalize(in_.data(), fixed.attn_norm, attn_in_.data());
  } else {
    std::ranges::copy(in_, attn_in_.begin());
  }
  project(BlockMatrix::q, attn_in_.data(), fixed.q.bias, q_.ready.data());
  project(BlockMatrix::k, attn_in_.data(), fixed.k.bias, k_.ready.data());
  project(BlockMatrix::v, attn_in_.data(), fixed.v.bias, v_.data());
  prepare(q_, spec_.heads, fixed.q_norm);
  prepare(k_, spec_.kv_heads, fixed.k_norm);
  attention_.set_window(spec_.block_specs[index].window);
  attention_.forward(q_.ready.data(), k_.ready.data(), v_.data(), attended_.data());
  project(BlockMatrix::attn_output, attended_.data(), fixed.attn_output.bias, attn_y_.data());
  std::ranges::copy(in_, middle_sum_.begin());
  add_contribution(attn_y_.data(), fixed.attn_post_norm, middle_sum_.data());
  if (spec_.norms.after_sum) {
    normalize(middle_sum_.data(), fixed.attn_sum_norm, middle_.data());
  } else {
    std::ranges::copy(middle_sum_, middle_.begin());
  }
  if (spec_.parallel_residual) {
    std::ranges::copy(attn_in_, ffn_in_.begin());
  } else if (spec_.norms.before) {
    normalize(middle_.data(), fixed.ffn_norm, ffn_in_.data());
  } else {
    std::ranges::copy(middle_, ffn_in_.begin());
  }
  run_network();
  std::ranges::copy(middle_, out_sum_.begin());
  add_contribution(ffn_y_.data(), fixed.ffn_post_norm, out_sum_.data());
  if (spec_.norms.after_sum) {
    normalize(out_sum_.data(), fixed.ffn_sum_norm, out);
  } else {
    std::ranges::copy(out_sum_, out);
  }
}

// In: of_width_, the derivative by ffn_y_. Out: of_width_, that by ffn_in_.
void BlockGradient::unrun_network() {
  sys::ThreadPool& pool = runtime_.pool();
  take_gradient(BlockMatrix::down, of_width_.data(), activated_.data());
  std::ranges::fill(of_hidden_, 0.0F);
  add_turned_product(pool, kernels_, matrix(BlockMatrix::down), of_width_.data(), tokens_, of_hidden_.data());
  pool.parallel_for(tokens_, kTokensAtOnce, [&](std::size_t begin, std::size_t end) {
    const std::size_t at = begin * spec_.hidden;
    const std::size_t n = (end - begin) * spec_.hidden;
    if (spec_.gated) {
      gated_gradient(spec_.activation, gate_.data() + at, up_.data() + at, of_hidden_.data() + at,
                     gate_.data() + at, up_.data() + at, n);
    } else {
      activation_gradient(spec_.activation, up_.data() + at, of_hidden_.data() + at, up_.data() + at, n);
    }
  });
  std::ranges::fill(of_width_, 0.0F);
  take_gradient(BlockMatrix::up, up_.data(), ffn_in_.data());
  add_turned_product(pool, kernels_, matrix(BlockMatrix::up), up_.data(), tokens_, of_width_.data());
  if (!spec_.gated) return;
  take_gradient(BlockMatrix::gate, gate_.data(), ffn_in_.data());
  add_turned_product(pool, kernels_, matrix(BlockMatrix::gate), gate_.data(), tokens_, of_width_.data());
}

void BlockGradient::backward(float* gradient, const TakeBlockRows* take) {
  take_ = take;
  sys::ThreadPool& pool = runtime_.pool();
  const std::size_t wide = tokens_ * width_;
  const auto add_to_gradient = [&](const float* x) { kernels_.add(gradient, x, gradient, wide); };
  if (spec_.norms.after_sum) unnormalize(out_sum_.data(), fixed_->ffn_sum_norm, gradient);
  uncontribute(ffn_y_.data(), fixed_->ffn_post_norm, gradient, of_width_.data());
  unrun_network();
  // From here `gradient` is by middle_; what the network read of attention's input comes back to that.
  std::vector<float> by_attn_in(wide, 0.0F);
  if (spec_.parallel_residual) {
    std::ranges::copy(of_width_, by_attn_in.begin());
  } else {
    if (spec_.norms.before) unnormalize(middle_.data(), fixed_->ffn_norm, of_width_.data());
    add_to_gradient(of_width_.data());
  }
  if (spec_.norms.after_sum) unnormalize(middle_sum_.data(), fixed_->attn_sum_norm, gradient);
  uncontribute(attn_y_.data(), fixed_->attn_post_norm, gradient, of_width_.data());
  take_gradient(BlockMatrix::attn_output, of_width_.data(), attended_.data());
  std::ranges::fill(of_heads_, 0.0F);
  add_turned_product(pool, kernels_, matrix(BlockMatrix::attn_output), of_width_.data(), tokens_,
                     of_heads_.data());
  attention_.backward(q_.ready.data(), k_.ready.data(), v_.data(), of_heads_.data(), q_.gradient.data(),
                      k_.gradient.data(), dv_.data());
  unprepare(q_, spec_.heads, fixed_->q_norm);
  unprepare(k_, spec_.kv_heads, fixed_->k_norm);
  const auto from = [&](BlockMatrix which, const float* g) {
    take_gradient(which, g, attn_in_.data());
    add_turned_product(pool, kernels_, matrix(which), g, tokens_, by_attn_in.data());
  };
  from(BlockMatrix::q, q_.gradient.data());
  from(BlockMatrix::k, k_.gradient.data());
  from(BlockMatrix::v, dv_.data());
  if (spec_.norms.before) unnormalize(in_.data(), fixed_->attn_norm, by_attn_in.data());
  add_to_gradient(by_attn_in.data());
}

}  // namespace mote::grad
