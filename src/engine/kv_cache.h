// Keys and values of one session, laid out for the two products of attention: blocks of 256 positions, which
// have [layer][kv head] and, of each, its positions' rows:
//
//   keys    f16, f32: tiles of 64 positions, [tile][dim][64], so that scores of 64 positions are one
//           weighted sum of rows
//           q8_0, q4_0: a matrix [position][dim] in the execution layout of weights of that type, tiles of
//           16 positions, for the same integer product
//   values  rows [position][dim], q8_0 and q4_0 in blocks of GGUF's format of that name
//   q4_0 is of rows that hadamard() has turned, keys and values alike.
//
// So a short text in a long context touches the memory of few blocks only.
//
// A stored row depends on that row alone, so what a session holds does not depend on how tokens were fed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kernels/kernel_table.h"
#include "kernels/linear.h"
#include "mote/result.h"
#include "mote/session_options.h"
#include "tensor/aligned_buffer.h"

namespace mote::engine {

inline constexpr std::size_t kKvTile = 64;    // positions read together
inline constexpr std::size_t kKvBlock = 256;  // positions of a block; whole tiles

struct KvShape {
  std::size_t layers = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t context = 0;  // positions
  KvType key_type = KvType::f16;
  KvType value_type = KvType::f16;

  // Positions of a block, less than kKvBlock where the context is.
  [[nodiscard]] std::size_t block_positions() const {
    return context < kKvBlock ? (context + kKvTile - 1) / kKvTile * kKvTile : kKvBlock;
  }
  [[nodiscard]] std::size_t blocks() const { return (context + kKvBlock - 1) / kKvBlock; }
  // Bytes of the whole cache; nothing on overflow.
  [[nodiscard]] std::optional<std::uint64_t> bytes() const;
};

class KvCache {
 public:
  // Fails (empty) where memory is missing. Head sizes must be a multiple of 32 for q8_0 and q4_0.
  static std::optional<KvCache> create(const KvShape& shape, const kernels::KernelTable& kernels);

  [[nodiscard]] const KvShape& shape() const { return shape_; }
  // `row` has head_dim elements. Different positions may be stored from different threads.
  void store_key(std::size_t layer, std::size_t head, std::size_t position, const float* row);
  void store_value(std::size_t layer, std::size_t head, std::size_t position, const float* row);
  // Whether keys are rows for the integer product: key_tiles() has them then, key_tile() otherwise.
  [[nodiscard]] bool has_integer_keys() const { return key_layout_.integer; }
  // Whether rows are turned by hadamard(): queries have to be, or what comes of values.
  [[nodiscard]] bool has_turned_keys() const { return shape_.key_type == KvType::q4_0; }
  [[nodiscard]] bool has_turned_values() const { return shape_.value_type == KvType::q4_0; }
  [[nodiscard]] const kernels::PackedMatrix& key_layout() const { return key_layout_; }
  // Keys and values of block `index`, as they lie: block_bytes() each, in a form of this cache's shape only.
  [[nodiscard]] std::size_t block_bytes() const { return block_rows() * (key_bytes_ + value_bytes_); }
  void read_block(std::size_t index, std::span<std::byte> out) const;
  void write_block(std::size_t index, std::span<const std::byte> in);
  // Tiles of the keys from position `first` on, a multiple of 16, up to the end of its block.
  [[nodiscard]] const std::byte* key_tiles(std::size_t layer, std::size_t head, std::size_t first) const;
  // Keys of positions [64 tile, 64 tile + 64) as [head_dim][64]. Returns the cache's own floats or `scratch`,
  // which has room for 64 * head_dim. Positions never stored are zeros, stale ones are what they were.
  const float* key_tile(std::size_t layer, std::size_t head, std::size_t tile, float* scratch) const;
  // Rows [first, first + count), all of one block, as [count][head_dim]; returns the cache's own floats or
  // `scratch`.
  const float* value_rows(std::size_t layer, std::size_t head, std::size_t first, std::size_t count,
                          float* scratch) const;

 private:
  KvCache() = default;
  [[nodiscard]] std::size_t block_rows() const {
    return shape_.layers * shape_.kv_heads * shape_.block_positions();
  }
  // Of the row of `position`, or of its tile where it is the first of one.
  [[nodiscard]] std::size_t offset(std::size_t layer, std::size_t head, std::size_t position,
                                   std::size_t row_bytes) const {
    const std::size_t heads_before = (position / kKvBlock * shape_.layers + layer) * shape_.kv_heads + head;
    return (heads_before * shape_.block_positions() + position % kKvBlock) * row_bytes;
  }
  void turned_to_q4_0(const float* row, std::byte* out) const;
  void widen(KvType type, const std::byte* in, float* out, std::size_t n) const;

  KvShape shape_;
  const kernels::KernelTable* kernels_ = nullptr;
  kernels::PackedMatrix key_layout_;  // of one head's keys
  std::size_t key_bytes_ = 0;         // of one position and head
  std::size_t value_bytes_ = 0;
  AlignedBuffer keys_;
  AlignedBuffer values_;
};

}  // namespace mote::engine
