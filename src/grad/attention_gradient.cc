#include "grad/attention_gradient.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace mote::grad {
namespace {

// in [n][n] turned to out[column][row].
void turn(const float* in, std::size_t n, float* out) {
  constexpr std::size_t kTile = 16;
  for (std::size_t r = 0; r < n; r += kTile) {
    for (std::size_t c = 0; c < n; c += kTile) {
      const std::size_t last_r = std::min(r + kTile, n);
      const std::size_t last_c = std::min(c + kTile, n);
      for (std::size_t i = r; i < last_r; ++i) {
        for (std::size_t j = c; j < last_c; ++j) out[j * n + i] = in[i * n + j];
      }
    }
  }
}

}  // namespace

AttentionGradient::AttentionGradient(sys::ThreadPool& pool, const kernels::KernelTable& kernels,
                                     const AttentionShape& shape)
    : pool_(pool),
      kernels_(kernels),
      shape_(shape),
      weights_(shape.heads * shape.tokens * shape.tokens),
      dk_(shape.heads * shape.tokens * shape.head_dim),
      dv_(dk_.size()),
      scratch_(pool.size()) {
  for (Scratch& s : scratch_) {
    s.scores.resize(shape.tokens * shape.tokens);
    s.turned.resize(s.scores.size());
  }
}

void AttentionGradient::score(std::size_t head, const float* q, const float* k, float* scores) const {
  const std::size_t dim = shape_.head_dim;
  const std::size_t kv_head = head / (shape_.heads / shape_.kv_heads);
  kernels_.matmul_f32({.w = k + kv_head * dim,
                       .w_stride = shape_.kv_heads * dim,
                       .rows = shape_.tokens,
                       .x = q + head * dim,
                       .x_stride = shape_.heads * dim,
                       .n = shape_.tokens,
                       .cols = dim,
                       .y = scores,
                       .y_stride = shape_.tokens});
  const std::size_t count = shape_.tokens * shape_.tokens;
  for (std::size_t i = 0; i < count; ++i) scores[i] *= shape_.scale;
}

void AttentionGradient::head_forward(std::size_t head, const float* q, const float* k, const float* v,
                                     float* out) {
  const std::size_t n = shape_.tokens;
  const std::size_t dim = shape_.head_dim;
  float* const weights = weights_of(head);
  score(head, q, k, weights);
  for (std::size_t t = 0; t < n; ++t) {
    float* const row = weights + t * n;
    const std::size_t first = first_seen(t);
    std::fill(row, row + first, 0.0F);
    std::fill(row + t + 1, row + n, 0.0F);
    if (shape_.cap != 0.0F) {
      for (std::size_t p = first; p <= t; ++p) row[p] = shape_.cap * std::tanh(row[p] / shape_.cap);
    }
    kernels_.softmax(row + first, t + 1 - first);
    std::fill_n(out + t * shape_.heads * dim + head * dim, dim, 0.0F);
  }
  kernels_.weighted_sum({.weights = weights,
                         .weights_stride = n,
                         .n = n,
                         .values = v + head / (shape_.heads / shape_.kv_heads) * dim,
                         .values_stride = shape_.kv_heads * dim,
                         .count = n,
                         .dim = dim,
                         .out = out + head * dim,
                         .out_stride = shape_.heads * dim});
}

void AttentionGradient::forward(const float* q, const float* k, const float* v, float* out) {
  pool_.parallel_for(shape_.heads, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t head = begin; head < end; ++head) head_forward(head, q, k, v, out);
  });
}

// With a = softmax(s) and o = a v:  dv = a^T do,  da = do v^T,  ds = a * (da - sum over p of a da).
void AttentionGradient::head_backward(std::size_t head, const float* q, const float* k, const float* v,
                                      const float* dout, float* dq, Scratch& scratch) {
  const std::size_t n = shape_.tokens;
  const std::size_t dim = shape_.head_dim;
  const std::size_t kv_head = head / (shape_.heads / shape_.kv_heads);
  const std::size_t q_stride = shape_.heads * dim;
  const std::size_t kv_stride = shape_.kv_heads * dim;
  const float* const weights = weights_of(head);
  float* const dv = dv_.data() + head * n * dim;
  float* const dk = dk_.data() + head * n * dim;
  std::fill_n(dv, n * dim, 0.0F);
  std::fill_n(dk, n * dim, 0.0F);
  const auto add = [&](const float* of, const float* values, std::size_t stride, float* out,
                       std::size_t out_stride) {
    kernels_.weighted_sum({.weights = of,
                           .weights_stride = n,
                           .n = n,
                           .values = values,
                           .values_stride = stride,
                           .count = n,
                           .dim = dim,
                           .out = out,
                           .out_stride = out_stride});
  };
  turn(weights, n, scratch.turned.data());
  add(scratch.turned.data(), dout + head * dim, q_stride, dv, dim);

  // The slope of the cap needs the scores again.
  if (shape_.cap != 0.0F) score(head, q, k, scratch.turned.data());
  float* const ds = scratch.scores.data();
  kernels_.matmul_f32({.w = v + kv_head * dim,
                       .w_stride = kv_stride,
                       .rows = n,
                       .x = dout + head * dim,
                       .x_stride = q_stride,
                       .n = n,
                       .cols = dim,
                       .y = ds,
                       .y_stride = n});
  for (std::size_t t = 0; t < n; ++t) {
    float* const row = ds + t * n;
    const float* const a = weights + t * n;
    double mean = 0;
    for (std::size_t p = first_seen(t); p <= t; ++p) mean += static_cast<double>(a[p]) * row[p];
    const auto subtracted = static_cast<float>(mean);
    for (std::size_t p = 0; p < n; ++p) row[p] = a[p] * (row[p] - subtracted) * shape_.scale;
    if (shape_.cap == 0.0F) continue;
    for (std::size_t p = first_seen(t); p <= t; ++p) {
      const float capped = std::tanh(scratch.turned[t * n + p] / shape_.cap);
      row[p] *= 1.0F - capped * capped;
    }
  }
  for (std::size_t t = 0; t < n; ++t) std::fill_n(dq + t * q_stride + head * dim, dim, 0.0F);
  add(ds, k + kv_head * dim, kv_stride, dq + head * dim, q_stride);
  turn(ds, n, scratch.turned.data());
  add(scratch.turned.data(), q + head * dim, q_stride, dk, dim);
}

void AttentionGradient::backward(const float* q, const float* k, const float* v, const float* dout, float* dq,
                                 float* dk, float* dv) {
  std::atomic<std::size_t> next{0};
  pool_.run([&](unsigned worker, unsigned) {
    for (std::size_t head = next.fetch_add(1); head < shape_.heads; head = next.fetch_add(1)) {
      head_backward(head, q, k, v, dout, dq, scratch_[worker]);
    }
  });
  const std::size_t dim = shape_.head_dim;
  const std::size_t group = shape_.heads / shape_.kv_heads;
  const std::size_t width = shape_.kv_heads * dim;
  for (std::size_t t = 0; t < shape_.tokens; ++t) {
    for (std::size_t h = 0; h < shape_.kv_heads; ++h) {
      float* const to_k = dk + t * width + h * dim;
      float* const to_v = dv + t * width + h * dim;
      std::fill_n(to_k, dim, 0.0F);
      std::fill_n(to_v, dim, 0.0F);
      for (std::size_t g = h * group; g < (h + 1) * group; ++g) {
        const std::size_t from = (g * shape_.tokens + t) * dim;
        for (std::size_t i = 0; i < dim; ++i) {
          to_k[i] += dk_[from + i];
          to_v[i] += dv_[from + i];
        }
      }
    }
  }
}

}  // namespace mote::grad
