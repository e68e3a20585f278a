// Keys and values of one session, laid out for the two products of attention.
//
//   keys    per kv head: tiles of 16 positions, [tile][dim][16], so that scores of 16 positions are one
//   vector values  per kv head: rows [position][dim], dim padded to a multiple of 16
//
// q8_0 and q4_0 hold, per position, blocks of 32 elements along the head with a half scale: codes first, the
// scales of a tile (or row) behind them. Rounding is that of the formats of the same name, so a stored row
// depends on that row alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/row_ops.h"
#include "engine/session_options.h"
#include "mote/result.h"
#include "tensor/aligned_buffer.h"

namespace mote::engine {

struct KvShape {
  std::size_t layers = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t context = 0;  // positions
  KvType key_type = KvType::f16;
  KvType value_type = KvType::f16;

  [[nodiscard]] std::size_t tiles() const { return (context + kLanes - 1) / kLanes; }
  [[nodiscard]] std::size_t padded_dim() const { return (head_dim + kLanes - 1) / kLanes * kLanes; }
  [[nodiscard]] std::size_t tile_bytes() const;
  [[nodiscard]] std::size_t value_row_bytes() const;
  // Bytes of the whole cache; nothing on overflow.
  [[nodiscard]] std::optional<std::uint64_t> bytes() const;
};

class KvCache {
 public:
  // Fails (empty) where memory is missing. Head sizes must be a multiple of 32 for q8_0 and q4_0.
  static std::optional<KvCache> create(const KvShape& shape, const RowOps& ops);

  [[nodiscard]] const KvShape& shape() const { return shape_; }
  // `row` has head_dim elements. Different positions may be stored from different threads.
  void store_key(std::size_t layer, std::size_t head, std::size_t position, const float* row);
  void store_value(std::size_t layer, std::size_t head, std::size_t position, const float* row);
  // Keys of positions [16 tile, 16 tile + 16) as [head_dim][16]; returns `scratch` or the cache's own floats.
  const float* key_tile(std::size_t layer, std::size_t head, std::size_t tile, float* scratch) const;
  // Rows [first, first + count) as [count][padded_dim]; returns `scratch` or the cache's own floats.
  const float* value_rows(std::size_t layer, std::size_t head, std::size_t first, std::size_t count,
                          float* scratch) const;

 private:
  KvCache() = default;
  [[nodiscard]] std::size_t key_offset(std::size_t layer, std::size_t head, std::size_t tile) const;
  [[nodiscard]] std::size_t value_offset(std::size_t layer, std::size_t head, std::size_t position) const;

  KvShape shape_;
  const RowOps* ops_ = nullptr;
  AlignedBuffer keys_;
  AlignedBuffer values_;
};

}  // namespace mote::engine
