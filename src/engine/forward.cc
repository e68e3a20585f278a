#include "engine/forward.h"

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "codec/codec.h"
#include "engine/activation.h"
#include "engine/norms.h"

namespace mote::engine {
namespace {

AttentionShape attention_shape(const model::ModelSpec& spec) {
  return {.heads = spec.heads,
          .kv_heads = spec.kv_heads,
          .head_dim = spec.head_dim,
          .scale = static_cast<float>(spec.attention_scale),
          .cap = static_cast<float>(spec.score_cap),
          .causal = spec.causal};
}

// Of the feed-forward network that this class runs itself; experts have scratch of their own.
std::size_t hidden_of(const model::ModelSpec& spec) { return spec.experts.count > 0 ? 0 : spec.hidden; }

std::size_t widest_input(const model::ModelSpec& spec) {
  return std::max<std::size_t>({spec.width, spec.q_width(), hidden_of(spec)});
}

constexpr std::size_t kBuffers = 12;

// Where each buffer starts, in bytes; every one on a cache line.
struct Layout {
  std::array<std::uint64_t, kBuffers> offset{};
  std::uint64_t total = 0;
};

std::optional<Layout> plan_layout(const model::ModelSpec& spec, std::size_t batch) {
  const std::size_t quantized = kernels::activation_scratch_bytes(batch, widest_input(spec));
  const std::array<Checked, kBuffers> bytes{
      Checked(batch) * spec.width * 4,           Checked(batch) * spec.width * 4,
      Checked(batch) * spec.width * 4,           Checked(batch) * spec.q_width() * 4,
      Checked(batch) * spec.kv_width() * 4,      Checked(batch) * spec.kv_width() * 4,
      Checked(batch) * spec.q_width() * 4,       Checked(batch) * hidden_of(spec) * 4,
      Checked(batch) * hidden_of(spec) * 4,      Checked(batch) * spec.rope.dims * 4,
      Checked(batch) * spec.local_rope.dims * 4, Checked(quantized) + 3 * AlignedBuffer::kAlignment};
  Layout layout;
  Checked total = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!total.value()) return std::nullopt;
    layout.offset[i] = *total.value();
    total = (total + bytes[i]).aligned_up(AlignedBuffer::kAlignment);
  }
  if (!total.value()) return std::nullopt;
  layout.total = *total.value();
  return layout;
}

bool any_integer(std::initializer_list<const Linear*> linears) {
  return std::ranges::any_of(linears, [](const Linear* l) { return l->matrix.integer; });
}

// Whether something that reads the feed-forward network's input wants it quantized.
bool ffn_wants_integers(const BlockWeights& b) {
  if (any_integer({&b.ffn.gate, &b.ffn.up, &b.router, &b.shared.gate, &b.shared.up, &b.shared_router})) {
    return true;
  }
  return !b.experts.empty() && any_integer({&b.experts[0].gate, &b.experts[0].up});
}

bool makes_ready(Step step, BlockInput input) {
  using enum Step;
  switch (input) {
    case BlockInput::attention:
      return step == normalize_attention || step == take_attention;
    case BlockInput::attention_output:
      return step == attend;
    case BlockInput::ffn:
      return step == normalize_ffn || step == take_ffn || step == retake_normalized;
    case BlockInput::ffn_down:
      return step == project_gate;
    case BlockInput::expert:
    case BlockInput::expert_down:
    case BlockInput::shared_down:
      return false;  // come up inside mix_experts
  }
  return false;
}

// How many of the steps have to run before `input` is there.
std::size_t steps_until(std::span<const Step> steps, BlockInput input) {
  const auto found = std::ranges::find_if(steps, [&](Step step) { return makes_ready(step, input); });
  return static_cast<std::size_t>(found - steps.begin()) + (found == steps.end() ? 0 : 1);
}

}  // namespace

std::vector<Step> block_steps(const model::ModelSpec& spec) {
  using enum Step;
  std::vector<Step> out;
  out.reserve(16);
  const auto add = [&](std::initializer_list<Step> steps) {
    for (const Step step : steps) out.push_back(step);
  };
  add({spec.norms.before ? normalize_attention : take_attention, project_qkv, store_kv, attend});
  if (spec.norms.after) {
    add({project_attention, add_attention_norm});
  } else {
    add({add_attention});
  }
  if (spec.norms.after_sum) add({normalize_attention_sum});

  if (spec.parallel_residual) {
    add({retake_normalized});
  } else {
    add({spec.norms.before ? normalize_ffn : take_ffn});
  }
  if (spec.experts.count > 0) {
    add({mix_experts, spec.norms.after ? add_ffn_norm : add_output});
  } else if (spec.norms.after) {
    add({project_gate, project_ffn, add_ffn_norm});
  } else {
    add({project_gate, add_ffn});
  }
  if (spec.norms.after_sum) add({normalize_ffn_sum});
  return out;
}

Forward::Forward(Runtime& runtime, const model::ModelSpec& spec, const Weights& weights, std::size_t batch,
                 std::size_t context)
    : runtime_(&runtime),
      spec_(&spec),
      weights_(&weights),
      kernels_(&runtime.kernels()),
      rope_(spec.rope, context),
      local_rope_(spec.local_rope, context),
      steps_(block_steps(spec)),
      batch_(batch),
      width_(spec.width),
      rows_(batch) {}

std::optional<std::uint64_t> Forward::scratch_bytes(const model::ModelSpec& spec, std::size_t batch,
                                                    std::size_t context, unsigned threads) {
  const auto layout = plan_layout(spec, batch);
  const auto experts = Experts::scratch_bytes(spec, batch);
  if (!layout || !experts) return std::nullopt;
  return (Checked(layout->total) + *experts +
          Attention::scratch_bytes(attention_shape(spec), context, threads))
      .value();
}

std::unique_ptr<Forward> Forward::create(Runtime& runtime, const model::ModelSpec& spec,
                                         const Weights& weights, std::size_t batch, std::size_t context) {
  std::unique_ptr<Forward> out(new Forward(runtime, spec, weights, batch, context));
  const auto layout = plan_layout(spec, batch);
  if (!layout) return nullptr;
  out->buffer_ = AlignedBuffer(layout->total);
  if (out->buffer_.size() == 0) return nullptr;
  const std::array<float**, kBuffers - 1> parts{&out->x_,  &out->h_,      &out->y_,           &out->q_,
                                                &out->k_,  &out->v_,      &out->heads_,       &out->gate_,
                                                &out->up_, &out->angles_, &out->local_angles_};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    *parts[i] = reinterpret_cast<float*>(out->buffer_.data() + layout->offset[i]);
  }
  out->codes_ = out->buffer_.data() + layout->offset[parts.size()];
  // Experts gather their tokens: with ties, all `batch` may go to one.
  out->products_ = Products::create(runtime, weights, batch);
  out->attention_ = Attention::create(attention_shape(spec), context, runtime.pool().size(), *out->kernels_);
  if (out->products_ == nullptr || out->attention_ == nullptr) return nullptr;
  if (spec.experts.count > 0) {
    out->experts_ = Experts::create(runtime, spec, *out->products_, batch);
    if (out->experts_ == nullptr) return nullptr;
  }
  return out;
}

// work(first token, last token), on the calling thread for one token.
template <typename F>
void Forward::over_tokens(std::size_t n, const F& work) {
  if (n == 1) {
    work(std::size_t{0}, std::size_t{1});
    return;
  }
  const std::size_t chunk = std::max<std::size_t>(1, n / (runtime_->pool().size() * 4));
  runtime_->pool().parallel_for(n, chunk, work);
}

void Forward::place_rows(std::span<const Slice> slices) {
  std::size_t row = 0;
  for (const Slice& slice : slices) {
    for (std::size_t i = 0; i < slice.n; ++i) rows_[row++] = {slice.cache, slice.first + i};
  }
}

void Forward::embed(std::span<const TokenId> tokens, std::span<const Slice> slices) {
  const sys::WidthOf width(runtime_->pool(), runtime_->width_for(tokens.size()));
  place_rows(slices);
  const auto decode_row = [](const QuantizedTensor& table, std::size_t row, float* out) {
    const codec::Codec& codec = codec::codec_of(table.codec);
    const std::size_t blocks = table.shape.cols() / codec.block_elements;
    codec.decode(table.blocks().data() + row * blocks * codec.block_bytes, out, blocks);
  };
  const auto scale = static_cast<float>(spec_->embedding_scale);
  over_tokens(tokens.size(), [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      float* x = x_ + t * width_;
      decode_row(weights_->embedding, static_cast<std::size_t>(tokens[t]), x);
      if (scale != 1.0F) kernels_->scale(x, scale, x, width_);
      if (!weights_->token_type.empty()) kernels_->add(x, weights_->token_type.data(), x, width_);
      if (spec_->learned_positions) {
        float* position = y_ + t * width_;
        decode_row(weights_->positions, rows_[t].position, position);
        kernels_->add(x, position, x, width_);
      }
      const Norm& norm = weights_->embedding_norm;
      if (!norm.weight.empty()) apply_norm(*kernels_, *spec_, x, norm, x);
    }
  });
}

void Forward::begin(std::span<const Slice> slices) {
  place_rows(slices);
  const std::size_t n = tokens_of(slices);
  for (std::size_t t = 0; t < n; ++t) {
    rope_.angles(rows_[t].position, angles_ + t * spec_->rope.dims);
    local_rope_.angles(rows_[t].position, local_angles_ + t * spec_->local_rope.dims);
  }
}

void Forward::run_to(std::size_t layer, BlockInput input, std::span<const Slice> slices) {
  const sys::WidthOf width(runtime_->pool(), runtime_->width_for(tokens_of(slices)));
  begin(slices);
  run_steps(0, steps_until(steps_, input), layer, slices);
}

void Forward::run_from(std::size_t layer, BlockInput input, std::span<const Slice> slices) {
  const sys::WidthOf width(runtime_->pool(), runtime_->width_for(tokens_of(slices)));
  run_steps(steps_until(steps_, input), steps_.size(), layer, slices);
}

void Forward::run(std::size_t first_layer, std::size_t last_layer, std::span<const Slice> slices) {
  const sys::WidthOf width(runtime_->pool(), runtime_->width_for(tokens_of(slices)));
  begin(slices);
  for (std::size_t layer = first_layer; layer < last_layer; ++layer) {
    run_steps(0, steps_.size(), layer, slices);
  }
}

void Forward::run_steps(std::size_t first, std::size_t last, std::size_t layer,
                        std::span<const Slice> slices) {
  for (std::size_t i = first; i < last; ++i) {
    run_step(steps_[i], weights_->blocks[layer], layer, slices);
    if (!tap_) continue;
    for (const BlockInput point :
         {BlockInput::attention, BlockInput::attention_output, BlockInput::ffn, BlockInput::ffn_down}) {
      if (makes_ready(steps_[i], point)) tap_({layer, point, 0, input_.cols, input()});
    }
  }
}

void Forward::run_step(Step step, const BlockWeights& block, std::size_t layer,
                       std::span<const Slice> slices) {
  const std::size_t n = tokens_of(slices);
  const auto scale = static_cast<float>(spec_->residual_scale);
  switch (step) {
    case Step::normalize_attention:
      normalize(x_, block.attn_norm, n, any_integer({&block.q, &block.k, &block.v}));
      return;
    case Step::take_attention:
      quantize(x_, width_, n, any_integer({&block.q, &block.k, &block.v}));
      return;
    case Step::project_qkv: {
      const std::array<Product, 3> products{{{&block.q, &input_, q_, spec_->q_width()},
                                             {&block.k, &input_, k_, spec_->kv_width()},
                                             {&block.v, &input_, v_, spec_->kv_width()}}};
      products_->multiply(products);
      return;
    }
    case Step::store_kv:
      store_kv(block, layer, n);
      return;
    case Step::attend:
      attention_->run(runtime_->pool(), slices, layer, q_, spec_->block_specs[layer].window, heads_);
      quantize(heads_, spec_->q_width(), n, block.attn_output.matrix.integer);
      return;
    case Step::add_attention:
      products_->add_product({&block.attn_output, &input_, x_, width_}, y_, scale);
      return;
    case Step::project_attention:
      project(block.attn_output);
      return;
    case Step::add_attention_norm:
      add_output(n, &block.attn_post_norm);
      return;
    case Step::normalize_attention_sum:
      normalize_in_place(block.attn_sum_norm, n);
      return;
    case Step::normalize_ffn:
      normalize(x_, block.ffn_norm, n, ffn_wants_integers(block));
      return;
    case Step::take_ffn:
      quantize(x_, width_, n, ffn_wants_integers(block));
      return;
    case Step::retake_normalized:
      quantize(h_, width_, n, ffn_wants_integers(block));
      return;
    case Step::project_gate: {
      const std::array<GatedProduct, 1> product{{{&block.ffn, &input_, gate_, up_, spec_->hidden}}};
      products_->multiply_gated(product, spec_->activation);
      quantize(gate_, spec_->hidden, n, block.ffn.down.matrix.integer);
      return;
    }
    case Step::add_ffn:
      products_->add_product({&block.ffn.down, &input_, x_, width_}, y_, scale);
      return;
    case Step::project_ffn:
      project(block.ffn.down);
      return;
    case Step::mix_experts:
      experts_->run(block, layer, input_, y_, tap_);
      return;
    case Step::add_output:
      add_output(n, nullptr);
      return;
    case Step::add_ffn_norm:
      add_output(n, &block.ffn_post_norm);
      return;
    case Step::normalize_ffn_sum:
      normalize_in_place(block.ffn_sum_norm, n);
      return;
  }
}

void Forward::set_input(const float* values, std::size_t cols, std::size_t n) {
  input_ = {.n = n, .cols = cols, .values = values, .codes = nullptr, .scales = nullptr, .sums = nullptr};
  kernels::bind_activation_scratch(input_, codes_);
}

void Forward::normalize(const float* x, const Norm& norm, std::size_t n, bool quantize) {
  set_input(h_, width_, n);
  over_tokens(n, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      apply_norm(*kernels_, *spec_, x + t * width_, norm, h_ + t * width_);
    }
    if (quantize) kernels::quantize_activations(*kernels_, input_, begin, end);
  });
}

void Forward::normalize_in_place(const Norm& norm, std::size_t n) {
  over_tokens(n, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      apply_norm(*kernels_, *spec_, x_ + t * width_, norm, x_ + t * width_);
    }
  });
}

void Forward::quantize(const float* values, std::size_t cols, std::size_t n, bool wanted) {
  set_input(values, cols, n);
  if (!wanted) return;
  over_tokens(n, [&](std::size_t begin, std::size_t end) {
    kernels::quantize_activations(*kernels_, input_, begin, end);
  });
}

void Forward::project(const Linear& linear) {
  const std::array<Product, 1> product{{{&linear, &input_, y_, width_}}};
  products_->multiply(product);
  if (linear.bias.empty()) return;
  over_tokens(input_.n, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      kernels_->add(y_ + t * width_, linear.bias.data(), y_ + t * width_, width_);
    }
  });
}

void Forward::add_output(std::size_t n, const Norm* norm) {
  const auto scale = static_cast<float>(spec_->residual_scale);
  over_tokens(n, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      float* y = y_ + t * width_;
      if (norm != nullptr) apply_norm(*kernels_, *spec_, y, *norm, y);
      kernels_->add_scaled(x_ + t * width_, y, scale, x_ + t * width_, width_);
    }
  });
}

void Forward::prepare_heads(float* row, std::size_t heads, const Linear& linear, const Norm& norm,
                            model::RopeUse rope, std::size_t token) {
  const std::size_t dim = spec_->head_dim;
  for (std::size_t i = 0; i < linear.bias.size(); ++i) row[i] += linear.bias[i];
  if (spec_->qk_norm == model::QkNorm::projection) {
    apply_norm(*kernels_, *spec_, row, norm, row);
  } else if (spec_->qk_norm != model::QkNorm::none) {
    const std::size_t step = spec_->qk_norm == model::QkNorm::own_head ? dim : 0;
    for (std::size_t h = 0; h < heads; ++h) {
      float* head = row + h * dim;
      apply_norm(*kernels_, *spec_, head, norm.weight.data() + h * step, nullptr, head, dim);
    }
  }
  if (rope == model::RopeUse::global) {
    rope_.apply(*kernels_, angles_ + token * spec_->rope.dims, row, heads, dim);
  } else if (rope == model::RopeUse::local) {
    local_rope_.apply(*kernels_, local_angles_ + token * spec_->local_rope.dims, row, heads, dim);
  }
}

void Forward::store_kv(const BlockWeights& block, std::size_t layer, std::size_t n) {
  const std::size_t dim = spec_->head_dim;
  const model::RopeUse rope = spec_->block_specs[layer].rope;
  over_tokens(n, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      float* k = k_ + t * spec_->kv_width();
      float* v = v_ + t * spec_->kv_width();
      prepare_heads(q_ + t * spec_->q_width(), spec_->heads, block.q, block.q_norm, rope, t);
      prepare_heads(k, spec_->kv_heads, block.k, block.k_norm, rope, t);
      for (std::size_t i = 0; i < block.v.bias.size(); ++i) v[i] += block.v.bias[i];
      for (std::size_t h = 0; h < spec_->kv_heads; ++h) {
        rows_[t].cache->store_key(layer, h, rows_[t].position, k + h * dim);
        rows_[t].cache->store_value(layer, h, rows_[t].position, v + h * dim);
      }
    }
  });
}

std::span<const float> Forward::normalized(std::size_t first_row, std::size_t count) {
  const float* x = x_ + first_row * width_;
  if (weights_->output_norm.weight.empty()) return {x, count * width_};
  normalize(x, weights_->output_norm, count, false);
  return {h_, count * width_};
}

void Forward::logits(std::size_t first_row, std::size_t count, float* out) {
  const sys::WidthOf width(runtime_->pool(), runtime_->width_for(count));
  normalize(x_ + first_row * width_, weights_->output_norm, count, weights_->head.matrix.integer);
  const std::array<Product, 1> products{{{&weights_->head, &input_, out, spec_->vocab}}};
  products_->multiply(products);
  const auto scale = static_cast<float>(spec_->logit_scale);
  if (scale != 1.0F) kernels_->scale(out, scale, out, count * spec_->vocab);
  if (spec_->logit_cap != 0.0) cap_logits(count, out);
}

void Forward::logits(std::span<const std::size_t> rows, float* out) {
  if (rows.empty()) return;
  if (rows.back() - rows.front() + 1 == rows.size()) return logits(rows.front(), rows.size(), out);
  // Together, so that the head is read once; rows rise, so none is overwritten before it is moved.
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] != i) std::copy_n(x_ + rows[i] * width_, width_, x_ + i * width_);
  }
  logits(0, rows.size(), out);
}

void Forward::cap_logits(std::size_t count, float* out) {
  constexpr std::size_t kPiece = 8192;
  const auto cap = static_cast<float>(spec_->logit_cap);
  runtime_->pool().parallel_for(count * spec_->vocab, kPiece, [&](std::size_t begin, std::size_t end) {
    soft_cap(out + begin, end - begin, cap);
  });
}

}  // namespace mote::engine
