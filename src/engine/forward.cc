#include "engine/forward.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "base/checked.h"
#include "codec/codec.h"

namespace mote::engine {
namespace {

using kernels::kTileRows;

// Each worker claims about this many pieces of a product, so that a late one does not keep the others
// waiting.
constexpr std::size_t kPiecesPerWorker = 6;
// Tiles of one piece at least, where many tokens share it: 32 rows are what the wide kernels expand together.
constexpr std::size_t kWideTiles = 2;
constexpr std::size_t kWideTokens = 16;

AttentionShape attention_shape(const model::ModelSpec& spec) {
  return {.heads = spec.heads,
          .kv_heads = spec.kv_heads,
          .head_dim = spec.head_dim,
          .scale = static_cast<float>(spec.attention_scale)};
}

std::size_t widest_input(const model::ModelSpec& spec) {
  return std::max<std::size_t>({spec.width, spec.q_width(), spec.hidden});
}

// Where each buffer starts, in bytes; every one on a cache line.
struct Layout {
  std::array<std::uint64_t, 11> offset{};
  std::uint64_t total = 0;
};

std::optional<Layout> plan_layout(const model::ModelSpec& spec, std::size_t batch) {
  const std::size_t quantized = kernels::activation_scratch_bytes(batch, widest_input(spec));
  const std::array<Checked, 11> bytes{Checked(batch) * spec.width * 4,
                                      Checked(batch) * spec.width * 4,
                                      Checked(batch) * spec.width * 4,
                                      Checked(batch) * spec.q_width() * 4,
                                      Checked(batch) * spec.kv_width() * 4,
                                      Checked(batch) * spec.kv_width() * 4,
                                      Checked(batch) * spec.q_width() * 4,
                                      Checked(batch) * spec.hidden * 4,
                                      Checked(batch) * spec.hidden * 4,
                                      Checked(batch) * spec.rope.dims * 4,
                                      Checked(quantized) + 3 * AlignedBuffer::kAlignment};
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

// The three parts of quantized activations for n tokens, each on a cache line.
void split_codes(std::byte* memory, kernels::Activations& a) {
  const auto aligned = [](std::size_t bytes) {
    return (bytes + AlignedBuffer::kAlignment - 1) / AlignedBuffer::kAlignment * AlignedBuffer::kAlignment;
  };
  const std::size_t codes = aligned(a.n * a.cols);
  const std::size_t scales = aligned(a.n * (a.cols / 32) * sizeof(float));
  a.codes = reinterpret_cast<std::int8_t*>(memory);
  a.scales = reinterpret_cast<float*>(memory + codes);
  a.sums = reinterpret_cast<std::int32_t*>(memory + codes + scales);
}

}  // namespace

std::vector<Step> block_steps(const model::ModelSpec&) {
  return {Step::normalize_attention, Step::project_qkv,   Step::store_kv,     Step::attend,
          Step::add_attention,       Step::normalize_ffn, Step::project_gate, Step::add_ffn};
}

Forward::Forward(Runtime& runtime, const model::ModelSpec& spec, const Weights& weights, std::size_t batch)
    : runtime_(&runtime),
      spec_(&spec),
      weights_(&weights),
      kernels_(&runtime.kernels()),
      rope_(spec.rope),
      steps_(block_steps(spec)),
      batch_(batch),
      width_(spec.width) {}

std::optional<std::uint64_t> Forward::scratch_bytes(const model::ModelSpec& spec, std::size_t batch,
                                                    std::size_t context, unsigned threads) {
  const auto layout = plan_layout(spec, batch);
  if (!layout) return std::nullopt;
  return (Checked(layout->total) + Attention::scratch_bytes(attention_shape(spec), context, threads)).value();
}

std::unique_ptr<Forward> Forward::create(Runtime& runtime, const model::ModelSpec& spec,
                                         const Weights& weights, std::size_t batch, std::size_t context) {
  std::unique_ptr<Forward> out(new Forward(runtime, spec, weights, batch));
  const auto layout = plan_layout(spec, batch);
  if (!layout) return nullptr;
  out->buffer_ = AlignedBuffer(layout->total);
  if (out->buffer_.size() == 0) return nullptr;
  const std::array<float**, 10> parts{&out->x_, &out->h_,     &out->y_,    &out->q_,  &out->k_,
                                      &out->v_, &out->heads_, &out->gate_, &out->up_, &out->angles_};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    *parts[i] = reinterpret_cast<float*>(out->buffer_.data() + layout->offset[i]);
  }
  out->codes_ = out->buffer_.data() + layout->offset[parts.size()];

  const auto grow = [&](const Linear& linear) {
    for (const std::size_t n : {std::size_t{1}, batch}) {
      out->matmul_bytes_ = std::max(out->matmul_bytes_, kernels::matmul_scratch_bytes(linear.matrix, n));
    }
  };
  grow(weights.head);
  for (const BlockWeights& b : weights.blocks) {
    for (const Linear* linear : {&b.q, &b.k, &b.v, &b.attn_output, &b.gate, &b.up, &b.down}) grow(*linear);
  }
  out->matmul_bytes_ = std::max<std::size_t>(64, (out->matmul_bytes_ + 63) / 64 * 64);
  out->matmul_scratch_ = AlignedBuffer(out->matmul_bytes_ * runtime.pool().size());
  out->attention_ = Attention::create(attention_shape(spec), context, runtime.pool().size(), *out->kernels_);
  if (out->matmul_scratch_.size() == 0 || out->attention_ == nullptr) return nullptr;
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

void Forward::embed(std::span<const TokenId> tokens) {
  const codec::Codec& codec = codec::codec_of(weights_->embedding.codec);
  const std::size_t blocks = width_ / codec.block_elements;
  const std::byte* rows = weights_->embedding.blocks().data();
  const auto scale = static_cast<float>(spec_->embedding_scale);
  over_tokens(tokens.size(), [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const auto row = static_cast<std::size_t>(tokens[t]);
      codec.decode(rows + row * blocks * codec.block_bytes, x_ + t * width_, blocks);
      if (scale != 1.0F) {
        for (std::size_t i = 0; i < width_; ++i) x_[t * width_ + i] *= scale;
      }
    }
  });
}

void Forward::run(std::size_t first_layer, std::size_t last_layer, std::size_t n, std::size_t first,
                  KvCache& cache) {
  for (std::size_t t = 0; t < n; ++t) rope_.angles(first + t, angles_ + t * spec_->rope.dims);
  for (std::size_t layer = first_layer; layer < last_layer; ++layer) {
    for (const Step step : steps_) run_step(step, weights_->blocks[layer], layer, n, first, cache);
  }
}

void Forward::run_step(Step step, const BlockWeights& block, std::size_t layer, std::size_t n,
                       std::size_t first, KvCache& cache) {
  switch (step) {
    case Step::normalize_attention:
      normalize(x_, block.attn_norm, n,
                block.q.matrix.integer || block.k.matrix.integer || block.v.matrix.integer);
      return;
    case Step::project_qkv: {
      const std::array<Product, 3> products{{{&block.q, q_, spec_->q_width()},
                                             {&block.k, k_, spec_->kv_width()},
                                             {&block.v, v_, spec_->kv_width()}}};
      multiply(products, n);
      return;
    }
    case Step::store_kv:
      store_kv(block, layer, n, first, cache);
      return;
    case Step::attend:
      attention_->run(runtime_->pool(), cache, layer, q_, n, first, heads_);
      quantize(heads_, spec_->q_width(), n, block.attn_output.matrix.integer);
      return;
    case Step::add_attention:
      add_product(block.attn_output, n);
      return;
    case Step::normalize_ffn:
      normalize(x_, block.ffn_norm, n, block.gate.matrix.integer || block.up.matrix.integer);
      return;
    case Step::project_gate:
      gate(block, n);
      quantize(gate_, spec_->hidden, n, block.down.matrix.integer);
      return;
    case Step::add_ffn:
      add_product(block.down, n);
      return;
  }
}

void Forward::set_input(const float* values, std::size_t cols, std::size_t n) {
  input_ = {.n = n, .cols = cols, .values = values, .codes = nullptr, .scales = nullptr, .sums = nullptr};
  split_codes(codes_, input_);
}

void Forward::normalize(const float* x, const std::vector<float>& weight, std::size_t n, bool quantize) {
  set_input(h_, width_, n);
  over_tokens(n, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      kernels_->rms_norm(x + t * width_, weight.data(), h_ + t * width_, width_,
                         static_cast<float>(spec_->norm_eps));
    }
    if (quantize) kernels::quantize_activations(*kernels_, input_, begin, end);
  });
}

void Forward::quantize(const float* values, std::size_t cols, std::size_t n, bool wanted) {
  set_input(values, cols, n);
  if (!wanted) return;
  over_tokens(n, [&](std::size_t begin, std::size_t end) {
    kernels::quantize_activations(*kernels_, input_, begin, end);
  });
}

void Forward::multiply(std::span<const Product> products, std::size_t n) {
  std::size_t tiles = 0;
  for (const Product& p : products) tiles += p.linear->matrix.tile_count();
  const std::size_t least = n > kWideTokens ? kWideTiles : 1;
  const std::size_t pieces = runtime_->pool().size() * kPiecesPerWorker;
  const std::size_t chunk = std::max(least, (tiles + pieces - 1) / pieces);
  std::atomic<std::size_t> next{0};
  runtime_->pool().run([&](unsigned worker, unsigned) {
    for (std::size_t begin = next.fetch_add(chunk); begin < tiles; begin = next.fetch_add(chunk)) {
      const std::size_t end = std::min(begin + chunk, tiles);
      std::size_t base = 0;  // tiles of the products before this one
      for (const Product& p : products) {
        const std::size_t count = p.linear->matrix.tile_count();
        const std::size_t a = std::max(begin, base);
        const std::size_t b = std::min(end, base + count);
        if (a < b) {
          kernels::matmul(*kernels_, p.linear->matrix, input_, p.out, p.stride, a - base, b - base,
                          matmul_scratch(worker));
        }
        base += count;
      }
    }
  });
}

void Forward::store_kv(const BlockWeights& block, std::size_t layer, std::size_t n, std::size_t first,
                       KvCache& cache) {
  const std::size_t dim = spec_->head_dim;
  const auto prepare = [&](float* row, std::size_t heads, const std::vector<float>& bias,
                           const std::vector<float>& norm, const float* angles) {
    for (std::size_t i = 0; i < bias.size(); ++i) row[i] += bias[i];
    for (std::size_t h = 0; h < heads; ++h) {
      float* head = row + h * dim;
      if (!norm.empty())
        kernels_->rms_norm(head, norm.data(), head, dim, static_cast<float>(spec_->norm_eps));
    }
    rope_.apply(*kernels_, angles, row, heads, dim);
  };
  over_tokens(n, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const float* angles = angles_ + t * spec_->rope.dims;
      float* k = k_ + t * spec_->kv_width();
      float* v = v_ + t * spec_->kv_width();
      prepare(q_ + t * spec_->q_width(), spec_->heads, block.q.bias, block.q_norm, angles);
      prepare(k, spec_->kv_heads, block.k.bias, block.k_norm, angles);
      for (std::size_t i = 0; i < block.v.bias.size(); ++i) v[i] += block.v.bias[i];
      for (std::size_t h = 0; h < spec_->kv_heads; ++h) {
        cache.store_key(layer, h, first + t, k + h * dim);
        cache.store_value(layer, h, first + t, v + h * dim);
      }
    }
  });
}

// gate = silu(gate) * up, each thread for the rows that it has just computed.
void Forward::gate(const BlockWeights& block, std::size_t n) {
  const std::size_t hidden = spec_->hidden;
  const std::size_t tiles = block.gate.matrix.tile_count();
  const std::size_t pieces = runtime_->pool().size() * kPiecesPerWorker;
  const std::size_t chunk = std::max(n > kWideTokens ? kWideTiles : 1, (tiles + pieces - 1) / pieces);
  std::atomic<std::size_t> next{0};
  runtime_->pool().run([&](unsigned worker, unsigned) {
    for (std::size_t begin = next.fetch_add(chunk); begin < tiles; begin = next.fetch_add(chunk)) {
      const std::size_t end = std::min(begin + chunk, tiles);
      kernels::matmul(*kernels_, block.gate.matrix, input_, gate_, hidden, begin, end,
                      matmul_scratch(worker));
      kernels::matmul(*kernels_, block.up.matrix, input_, up_, hidden, begin, end, matmul_scratch(worker));
      const std::size_t row = begin * kTileRows;
      const std::size_t rows = std::min(end * kTileRows, hidden) - row;
      for (std::size_t t = 0; t < n; ++t) {
        float* g = gate_ + t * hidden + row;
        kernels_->silu_mul(g, up_ + t * hidden + row, g, rows);
      }
    }
  });
}

// x += product (+ bias), each thread for the rows that it has just computed.
void Forward::add_product(const Linear& linear, std::size_t n) {
  const std::size_t tiles = linear.matrix.tile_count();
  const std::size_t pieces = runtime_->pool().size() * kPiecesPerWorker;
  const std::size_t chunk = std::max(n > kWideTokens ? kWideTiles : 1, (tiles + pieces - 1) / pieces);
  const auto scale = static_cast<float>(spec_->residual_scale);
  std::atomic<std::size_t> next{0};
  runtime_->pool().run([&](unsigned worker, unsigned) {
    for (std::size_t begin = next.fetch_add(chunk); begin < tiles; begin = next.fetch_add(chunk)) {
      const std::size_t end = std::min(begin + chunk, tiles);
      kernels::matmul(*kernels_, linear.matrix, input_, y_, width_, begin, end, matmul_scratch(worker));
      const std::size_t row = begin * kTileRows;
      const std::size_t rows = std::min(end * kTileRows, width_) - row;
      for (std::size_t t = 0; t < n; ++t) {
        float* x = x_ + t * width_ + row;
        kernels_->add_scaled(x, y_ + t * width_ + row, scale, x, rows);
        if (!linear.bias.empty()) kernels_->add_scaled(x, linear.bias.data() + row, scale, x, rows);
      }
    }
  });
}

void Forward::logits(std::size_t first_row, std::size_t count, float* out) {
  normalize(x_ + first_row * width_, weights_->output_norm, count, weights_->head.matrix.integer);
  const std::array<Product, 1> products{{{&weights_->head, out, spec_->vocab}}};
  multiply(products, count);
  const auto scale = static_cast<float>(spec_->logit_scale);
  if (scale == 1.0F) return;
  for (std::size_t i = 0; i < count * spec_->vocab; ++i) out[i] *= scale;
}

}  // namespace mote::engine
