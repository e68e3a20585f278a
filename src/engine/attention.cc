#include "engine/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "engine/activation.h"
#include "engine/hadamard.h"

namespace mote::engine {
namespace {

// Rows of one task: enough to use each widened key and value many times, few enough that scores and sums of a
// split (rows * (256 + head_dim) * 4 bytes) stay in the second-level cache.
constexpr std::size_t kBlockRows = 48;
constexpr float kNothing = -std::numeric_limits<float>::infinity();

std::size_t splits_of(std::size_t positions) { return (positions + kSplit - 1) / kSplit; }

// Floats that end where a cache line does.
std::size_t whole_lines(std::size_t floats) {
  constexpr std::size_t kPerLine = AlignedBuffer::kAlignment / sizeof(float);
  return (floats + kPerLine - 1) / kPerLine * kPerLine;
}

// Keys of any stored type, of which the product's scratch does not depend.
kernels::PackedMatrix some_keys(std::size_t head_dim) {
  return kernels::integer_layout(CodecId::q8_0, kSplit, head_dim);
}

}  // namespace

Attention::Attention(const AttentionShape& shape, const kernels::KernelTable* kernels)
    : shape_(shape), kernels_(kernels) {}

std::size_t Attention::block_tokens() const { return std::max<std::size_t>(1, kBlockRows / shape_.group()); }

std::size_t Attention::worker_bytes() const {
  const std::size_t rows = block_rows();
  const std::size_t floats = whole_lines(rows * shape_.head_dim) + 2 * whole_lines(partial_floats(rows)) +
                             rows * kSplit + kKvTile * shape_.head_dim;
  return floats * sizeof(float) + kernels::activation_scratch_bytes(rows, shape_.head_dim) +
         kernels::matmul_scratch_bytes(some_keys(shape_.head_dim), rows);
}

Attention::Workspace Attention::workspace(unsigned worker) {
  const std::size_t rows = block_rows();
  std::byte* next = worker_scratch_.data() + worker * worker_bytes();
  const auto take = [&next](std::size_t bytes) { return std::exchange(next, next + bytes); };
  const auto take_floats = [&take](std::size_t count) {
    return reinterpret_cast<float*>(take(whole_lines(count) * sizeof(float)));
  };
  Workspace out{};
  out.queries = take_floats(rows * shape_.head_dim);
  out.all = take_floats(partial_floats(rows));
  out.one = take_floats(partial_floats(rows));
  out.scores = take_floats(rows * kSplit);
  out.tile = take_floats(kKvTile * shape_.head_dim);
  out.products = take(kernels::matmul_scratch_bytes(some_keys(shape_.head_dim), rows));
  out.integer = {.n = rows,
                 .cols = shape_.head_dim,
                 .values = out.queries,
                 .codes = nullptr,
                 .scales = nullptr,
                 .sums = nullptr};
  kernels::bind_activation_scratch(out.integer, next);
  return out;
}

std::uint64_t Attention::scratch_bytes(const AttentionShape& shape, std::size_t context, unsigned workers) {
  const Attention plan(shape, nullptr);
  return std::uint64_t{workers} * plan.worker_bytes() + std::uint64_t{shape.kv_heads} * splits_of(context) *
                                                            plan.partial_floats(shape.group()) *
                                                            sizeof(float);
}

std::unique_ptr<Attention> Attention::create(const AttentionShape& shape, std::size_t context,
                                             unsigned workers, const kernels::KernelTable& kernels) {
  std::unique_ptr<Attention> out(new Attention(shape, &kernels));
  const std::size_t partial_bytes =
      shape.kv_heads * splits_of(context) * out->partial_floats(shape.group()) * sizeof(float);
  out->worker_scratch_ = AlignedBuffer(workers * out->worker_bytes());
  out->partials_ = AlignedBuffer(partial_bytes);
  if (out->worker_scratch_.size() == 0 || out->partials_.size() == 0) return nullptr;
  out->finished_ = std::make_unique<std::atomic<std::size_t>[]>(shape.kv_heads);
  return out;
}

Attention::Partial Attention::partial_at(float* memory, std::size_t rows) const {
  return {.sums = memory,
          .largest = memory + rows * shape_.head_dim,
          .total = memory + rows * (shape_.head_dim + 1)};
}

// Row t * group + g: query head g of the group, token t, scaled.
void Attention::gather_queries(const Call& call, const float* q, std::size_t head, std::size_t tokens,
                               Workspace& work) const {
  const std::size_t dim = shape_.head_dim;
  const std::size_t group_width = shape_.group() * dim;
  for (std::size_t t = 0; t < tokens; ++t) {
    const float* in = q + t * shape_.heads * dim + head * group_width;
    for (std::size_t i = 0; i < group_width; ++i) work.queries[t * group_width + i] = in[i] * shape_.scale;
  }
  if (!call.cache->has_integer_keys()) return;
  const std::size_t rows = tokens * shape_.group();
  if (call.cache->has_turned_keys()) {
    for (std::size_t r = 0; r < rows; ++r) hadamard_inverse(work.queries + r * dim, dim);
  }
  work.integer.n = rows;
  kernels::quantize_activations(*kernels_, work.integer, 0, rows);
}

Attention::Range Attention::visible(const Call& call, std::size_t position) const {
  if (!shape_.causal) return {0, call.end};
  const std::size_t end = position + 1;
  return {call.window == 0 || end <= call.window ? 0 : end - call.window, end};
}

// Scores of positions begin + [skip, count) for all rows.
void Attention::score(const Call& call, std::size_t head, std::size_t begin, std::size_t skip,
                      std::size_t count, std::size_t rows, const Workspace& work) const {
  if (call.cache->has_integer_keys()) {
    kernels::matmul_tiles(*kernels_, call.cache->key_layout(),
                          call.cache->key_tiles(call.layer, head, begin + skip), count - skip, work.integer,
                          work.scores + skip, kSplit, work.products);
    return;
  }
  std::fill_n(work.scores, rows * kSplit, 0.0F);
  for (std::size_t p = skip; p < count; p += kKvTile) {
    const float* keys = call.cache->key_tile(call.layer, head, (begin + p) / kKvTile, work.tile);
    kernels_->weighted_sum({.weights = work.queries,
                            .weights_stride = shape_.head_dim,
                            .n = rows,
                            .values = keys,
                            .values_stride = kKvTile,
                            .count = shape_.head_dim,
                            .dim = kKvTile,
                            .out = work.scores + p,
                            .out_stride = kSplit});
  }
}

void Attention::attend_split(const Call& call, std::size_t head, std::size_t tokens, std::size_t first,
                             std::size_t split, const Workspace& work, const Partial& out) const {
  const std::size_t group = shape_.group();
  const std::size_t rows = tokens * group;
  const std::size_t dim = shape_.head_dim;
  const std::size_t begin = split * kSplit;
  // Positions of the split that any of the tokens sees: the first token the oldest, the last the newest.
  const std::size_t oldest = visible(call, first).begin;
  const std::size_t skip = oldest > begin ? (oldest - begin) / kKvTile * kKvTile : 0;
  const std::size_t count = std::min(kSplit, visible(call, first + tokens - 1).end - begin);
  float* scores = work.scores;
  score(call, head, begin, skip, count, rows, work);
  for (std::size_t t = 0; t < tokens; ++t) {
    const Range seen = visible(call, first + t);
    const std::size_t from = std::min(seen.begin > begin ? seen.begin - begin : 0, count);
    const std::size_t to = seen.end > begin ? std::max(from, std::min(seen.end - begin, count)) : from;
    for (std::size_t r = t * group; r < (t + 1) * group; ++r) {
      float* row = scores + r * kSplit;
      if (shape_.cap != 0) soft_cap(row + from, to - from, shape_.cap);
      out.largest[r] = from == to ? kNothing : kernels_->max(row + from, to - from);
      out.total[r] = from == to ? 0.0F : kernels_->exp_sum(row + from, to - from, out.largest[r]);
      std::fill(row, row + from, 0.0F);  // a weight of 0 leaves a sum as it is
      std::fill(row + to, row + count, 0.0F);
    }
  }
  std::fill_n(out.sums, rows * dim, 0.0F);
  for (std::size_t p = skip; p < count; p += kKvTile) {
    const std::size_t n = std::min(kKvTile, count - p);
    const float* values = call.cache->value_rows(call.layer, head, begin + p, n, work.tile);
    kernels_->weighted_sum({.weights = scores + p,
                            .weights_stride = kSplit,
                            .n = rows,
                            .values = values,
                            .values_stride = dim,
                            .count = n,
                            .dim = dim,
                            .out = out.sums,
                            .out_stride = dim});
  }
}

// A split that a row does not see leaves it as it is.
void Attention::merge(const Partial& into, const Partial& from, std::size_t rows) const {
  for (std::size_t r = 0; r < rows; ++r) {
    if (from.total[r] == 0) continue;
    const float largest = std::max(into.largest[r], from.largest[r]);
    const float a = std::exp(into.largest[r] - largest);
    const float b = std::exp(from.largest[r] - largest);
    into.largest[r] = largest;
    into.total[r] = into.total[r] * a + from.total[r] * b;
    float* x = into.sums + r * shape_.head_dim;
    const float* y = from.sums + r * shape_.head_dim;
    for (std::size_t d = 0; d < shape_.head_dim; ++d) x[d] = x[d] * a + y[d] * b;
  }
}

void Attention::write(const Call& call, const Partial& result, std::size_t head, std::size_t tokens,
                      float* out) const {
  const std::size_t group = shape_.group();
  const std::size_t dim = shape_.head_dim;
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t g = 0; g < group; ++g) {
      const std::size_t r = t * group + g;
      const float inverse = 1.0F / result.total[r];
      float* to = out + (t * shape_.heads + head * group + g) * dim;
      for (std::size_t d = 0; d < dim; ++d) to[d] = result.sums[r * shape_.head_dim + d] * inverse;
      if (call.cache->has_turned_values()) hadamard_inverse(to, dim);
    }
  }
}

void Attention::attend_block(const Call& call, std::size_t head, const float* q, std::size_t tokens,
                             std::size_t first, Workspace& work, float* out) const {
  const std::size_t rows = tokens * shape_.group();
  const Partial all = partial_at(work.all, rows);
  const Partial one = partial_at(work.one, rows);
  gather_queries(call, q, head, tokens, work);
  const std::size_t oldest = visible(call, first).begin / kSplit;
  const std::size_t splits = splits_of(visible(call, first + tokens - 1).end);
  attend_split(call, head, tokens, first, oldest, work, all);
  for (std::size_t split = oldest + 1; split < splits; ++split) {
    attend_split(call, head, tokens, first, split, work, one);
    merge(all, one, rows);
  }
  write(call, all, head, tokens, out);
}

void Attention::run_blocks(sys::ThreadPool& pool, std::span<const Slice> slices, std::size_t layer,
                           const float* q, std::size_t window, float* out) {
  const std::size_t tokens_per_block = block_tokens();
  const std::size_t q_width = shape_.heads * shape_.head_dim;
  const auto blocks_of = [&](const Slice& slice) {
    return (slice.n + tokens_per_block - 1) / tokens_per_block;
  };
  std::size_t tasks = 0;
  for (const Slice& slice : slices) tasks += blocks_of(slice) * shape_.kv_heads;
  std::atomic<std::size_t> next{0};
  pool.run([&](unsigned worker, unsigned) {
    Workspace work = workspace(worker);
    // Tasks rise, so the slice that has one is the last task's or a later one.
    std::size_t index = 0;
    std::size_t tasks_before = 0;
    std::size_t row = 0;
    for (std::size_t task = next.fetch_add(1); task < tasks; task = next.fetch_add(1)) {
      for (;; ++index) {
        const std::size_t of_slice = blocks_of(slices[index]) * shape_.kv_heads;
        if (task < tasks_before + of_slice) break;
        tasks_before += of_slice;
        row += slices[index].n;
      }
      const Slice& slice = slices[index];
      const Call call{.cache = slice.cache, .layer = layer, .end = slice.first + slice.n, .window = window};
      // Last blocks first: they see the most positions, and a long task at the end would keep others waiting.
      const std::size_t block = blocks_of(slice) - 1 - (task - tasks_before) / shape_.kv_heads;
      const std::size_t head = (task - tasks_before) % shape_.kv_heads;
      const std::size_t t0 = block * tokens_per_block;
      attend_block(call, head, q + (row + t0) * q_width, std::min(tokens_per_block, slice.n - t0),
                   slice.first + t0, work, out + (row + t0) * q_width);
    }
  });
}

void Attention::run_single(sys::ThreadPool& pool, const Call& call, const float* q, std::size_t first,
                           float* out) {
  const std::size_t oldest = visible(call, first).begin / kSplit;
  const std::size_t splits = splits_of(first + 1) - oldest;
  const std::size_t tasks = splits * shape_.kv_heads;
  const std::size_t rows = shape_.group();
  for (std::size_t h = 0; h < shape_.kv_heads; ++h) finished_[h].store(0, std::memory_order_relaxed);
  std::atomic<std::size_t> next{0};
  const auto partial = [&](std::size_t head, std::size_t split) {
    return partial_at(partials_.as<float>() + (head * splits + split) * partial_floats(rows), rows);
  };
  pool.run([&](unsigned worker, unsigned) {
    Workspace work = workspace(worker);
    for (std::size_t task = next.fetch_add(1); task < tasks; task = next.fetch_add(1)) {
      const std::size_t head = task / splits;
      gather_queries(call, q, head, 1, work);
      attend_split(call, head, 1, first, oldest + task % splits, work, partial(head, task % splits));
      // Whoever finishes a head's last split merges them, always in order.
      if (finished_[head].fetch_add(1, std::memory_order_acq_rel) + 1 != splits) continue;
      Partial all = partial(head, 0);
      for (std::size_t split = 1; split < splits; ++split) merge(all, partial(head, split), rows);
      write(call, all, head, 1, out);
    }
  });
}

void Attention::run(sys::ThreadPool& pool, std::span<const Slice> slices, std::size_t layer, const float* q,
                    std::size_t window, float* out) {
  if (slices.size() == 1 && slices[0].n == 1) {
    const Call call{.cache = slices[0].cache, .layer = layer, .end = slices[0].first + 1, .window = window};
    run_single(pool, call, q, slices[0].first, out);
  } else {
    run_blocks(pool, slices, layer, q, window, out);
  }
}

}  // namespace mote::engine
