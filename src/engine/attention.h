// Attention of a batch of queries against one layer's cache, grouped: all query heads that share a kv head
// are rows of one small matrix product, so every key and value is read once for them. A query sees what is
// before it, or the last `window` positions of that, or everything (encoders).
//
// Keys that are stored as integers meet queries quantized as activations are (int8 per 32 elements), in the
// same product as weights; other keys and all values are multiplied as floats.
//
// The softmax over positions is computed in splits that start at multiples of kSplit and merged in order (Dao
// et al., "FlashAttention", 2022; Rabe and Staats, 2021). Splits, tiles and orders of sums depend on
// positions alone, so a query's result is the same in a long batch, in a short one and alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/kv_cache.h"
#include "engine/slice.h"
#include "kernels/kernel_table.h"
#include "kernels/linear.h"
#include "sys/thread_pool.h"
#include "tensor/aligned_buffer.h"

namespace mote::engine {

// Positions whose softmax is one partial result: those of a block of the cache.
inline constexpr std::size_t kSplit = kKvBlock;

struct AttentionShape {
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  float scale = 1;  // of the scores
  float cap = 0;    // scaled scores become cap * tanh(score / cap); 0: they stay
  bool causal = true;
  [[nodiscard]] std::size_t group() const { return heads / kv_heads; }
};

class Attention {
 public:
  // Fails (null) where memory is missing.
  static std::unique_ptr<Attention> create(const AttentionShape& shape, std::size_t context, unsigned workers,
                                           const kernels::KernelTable& kernels);
  static std::uint64_t scratch_bytes(const AttentionShape& shape, std::size_t context, unsigned workers);

  // q and out: [tokens of all slices][heads * head_dim]; query t of a slice is at position first + t and sees
  // positions 0 to first + t of its sequence (of these the last `window` where that is not 0), or 0 to first
  // + n - 1 where attention is not causal. Their keys and values are stored.
  void run(sys::ThreadPool& pool, std::span<const Slice> slices, std::size_t layer, const float* q,
           std::size_t window, float* out);

 private:
  struct Partial {   // of `rows` queries over some positions
    float* sums;     // [rows][head_dim], of exp(score - largest) * value
    float* largest;  // [rows]
    float* total;    // [rows], of exp(score - largest)
  };
  struct Range {  // of positions, `end` not included
    std::size_t begin, end;
  };
  struct Call {  // what all tasks of a slice share
    const KvCache* cache;
    std::size_t layer;
    std::size_t end;     // positions stored
    std::size_t window;  // 0: none
  };
  Attention(const AttentionShape& shape, const kernels::KernelTable* kernels);
  [[nodiscard]] Range visible(const Call& call, std::size_t position) const;
  [[nodiscard]] std::size_t block_tokens() const;
  [[nodiscard]] std::size_t block_rows() const { return block_tokens() * shape_.group(); }
  [[nodiscard]] std::size_t worker_bytes() const;
  [[nodiscard]] std::size_t partial_floats(std::size_t rows) const { return rows * (shape_.head_dim + 2); }
  [[nodiscard]] Partial partial_at(float* memory, std::size_t rows) const;

  // One worker's memory for a task.
  struct Workspace {
    float* queries;                // [rows][head_dim]
    kernels::Activations integer;  // the same, for keys stored as integers
    std::byte* products;           // scratch of their product
    float* all;                    // partial of all splits so far
    float* one;                    // and of one
    float* scores;                 // [rows][kSplit]
    float* tile;                   // [kKvTile][head_dim] of keys or values as floats
  };
  [[nodiscard]] Workspace workspace(unsigned worker);

  void gather_queries(const Call& call, const float* q, std::size_t head, std::size_t tokens,
                      Workspace& work) const;
  void score(const Call& call, std::size_t head, std::size_t begin, std::size_t skip, std::size_t count,
             std::size_t rows, const Workspace& work) const;
  void attend_split(const Call& call, std::size_t head, std::size_t tokens, std::size_t first,
                    std::size_t split, const Workspace& work, const Partial& out) const;
  void merge(const Partial& into, const Partial& from, std::size_t rows) const;
  void write(const Call& call, const Partial& result, std::size_t head, std::size_t tokens, float* out) const;
  // A block of a slice's tokens and one kv head.
  void attend_block(const Call& call, std::size_t head, const float* q, std::size_t tokens, std::size_t first,
                    Workspace& work, float* out) const;
  void run_blocks(sys::ThreadPool& pool, std::span<const Slice> slices, std::size_t layer, const float* q,
                  std::size_t window, float* out);
  void run_single(sys::ThreadPool& pool, const Call& call, const float* q, std::size_t first, float* out);

  AttentionShape shape_;
  const kernels::KernelTable* kernels_;
  AlignedBuffer worker_scratch_;
  AlignedBuffer partials_;                                // of single queries: [kv head][split]
  std::unique_ptr<std::atomic<std::size_t>[]> finished_;  // splits done, per kv head
};

}  // namespace mote::engine
