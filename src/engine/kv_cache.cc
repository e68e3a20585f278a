#include "engine/kv_cache.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/checked.h"
#include "engine/hadamard.h"

namespace mote::engine {
namespace {

// Largest head that validate() lets through: one row as halves fits the stack.
constexpr std::size_t kMaxHeadDim = 1024;

std::size_t row_bytes(KvType type, std::size_t dim) {
  switch (type) {
    case KvType::f32:
      return dim * 4;
    case KvType::f16:
      return dim * 2;
    case KvType::q8_0:
      return dim / 32 * 34;
    case KvType::q4_0:
      return dim / 32 * 18;
  }
  return 0;
}

// One head's keys as a matrix for the integer product; not one where they are plain floats.
kernels::PackedMatrix key_layout_of(const KvShape& shape) {
  const bool integer = shape.key_type == KvType::q8_0 || shape.key_type == KvType::q4_0;
  if (!integer) return {};
  const CodecId codec = shape.key_type == KvType::q8_0 ? CodecId::q8_0 : CodecId::q4_0;
  return kernels::integer_layout(codec, shape.context, shape.head_dim);
}

// Tiles are multiples of 64 bytes and have 16 rows, so a row's share is a whole number.
std::size_t key_row_bytes(const KvShape& shape) {
  const kernels::PackedMatrix layout = key_layout_of(shape);
  return layout.integer ? layout.tile_bytes / kernels::kTileRows : row_bytes(shape.key_type, shape.head_dim);
}

const std::uint16_t* halves(const std::byte* p) { return reinterpret_cast<const std::uint16_t*>(p); }

template <typename T>
void scatter(const T* row, std::size_t dim, T* out) {
  for (std::size_t d = 0; d < dim; ++d) out[d * kKvTile] = row[d];
}

}  // namespace

std::string_view to_string(KvType type) {
  switch (type) {
    case KvType::f16:
      return "f16";
    case KvType::f32:
      return "f32";
    case KvType::q8_0:
      return "q8_0";
    case KvType::q4_0:
      return "q4_0";
  }
  return "";
}

std::span<const KvType> all_kv_types() {
  static constexpr std::array kTypes{KvType::f16, KvType::f32, KvType::q8_0, KvType::q4_0};
  return kTypes;
}

std::optional<KvType> find_kv_type(std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  for (const KvType type : all_kv_types()) {
    if (std::ranges::equal(name, to_string(type), {}, lower)) return type;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> KvShape::bytes() const {
  const Checked rows = Checked(layers) * kv_heads * blocks() * block_positions();
  return (rows * key_row_bytes(*this) + rows * row_bytes(value_type, head_dim)).value();
}

std::optional<KvCache> KvCache::create(const KvShape& shape, const kernels::KernelTable& kernels) {
  if (!shape.bytes() || shape.head_dim > kMaxHeadDim) return std::nullopt;
  KvCache cache;
  cache.shape_ = shape;
  cache.kernels_ = &kernels;
  cache.key_layout_ = key_layout_of(shape);
  cache.key_bytes_ = key_row_bytes(shape);
  cache.value_bytes_ = row_bytes(shape.value_type, shape.head_dim);
  const std::size_t rows = cache.block_rows() * shape.blocks();
  cache.keys_ = AlignedBuffer(rows * cache.key_bytes_);
  cache.values_ = AlignedBuffer(rows * cache.value_bytes_);
  if (cache.keys_.size() == 0 || cache.values_.size() == 0) return std::nullopt;
  return cache;
}

void KvCache::turned_to_q4_0(const float* row, std::byte* out) const {
  float turned[kMaxHeadDim];
  std::copy_n(row, shape_.head_dim, turned);
  hadamard(turned, shape_.head_dim);
  kernels_->f32_to_q4_0(turned, out, shape_.head_dim);
}

void KvCache::store_key(std::size_t layer, std::size_t head, std::size_t position, const float* row) {
  const std::size_t dim = shape_.head_dim;
  std::byte* tile = keys_.data() + offset(layer, head, position / kKvTile * kKvTile, key_bytes_);
  switch (shape_.key_type) {
    case KvType::f32:
      scatter(row, dim, reinterpret_cast<float*>(tile) + position % kKvTile);
      return;
    case KvType::f16: {
      std::uint16_t half[kMaxHeadDim];
      kernels_->f32_to_f16(row, half, dim);
      scatter(half, dim, reinterpret_cast<std::uint16_t*>(tile) + position % kKvTile);
      return;
    }
    case KvType::q8_0: {
      std::byte blocks[kMaxHeadDim / 32 * 34];
      kernels_->f32_to_q8_0(row, blocks, dim);
      kernels::pack_row(key_layout_, blocks, position % kKvTile, tile);
      return;
    }
    case KvType::q4_0: {
      std::byte blocks[kMaxHeadDim / 32 * 18];
      turned_to_q4_0(row, blocks);
      kernels::pack_row(key_layout_, blocks, position % kKvTile, tile);
      return;
    }
  }
}

void KvCache::store_value(std::size_t layer, std::size_t head, std::size_t position, const float* row) {
  const std::size_t dim = shape_.head_dim;
  std::byte* out = values_.data() + offset(layer, head, position, value_bytes_);
  switch (shape_.value_type) {
    case KvType::f32:
      std::memcpy(out, row, dim * sizeof(float));
      return;
    case KvType::f16:
      kernels_->f32_to_f16(row, reinterpret_cast<std::uint16_t*>(out), dim);
      return;
    case KvType::q8_0:
      kernels_->f32_to_q8_0(row, out, dim);
      return;
    case KvType::q4_0:
      turned_to_q4_0(row, out);
      return;
  }
}

void KvCache::widen(KvType type, const std::byte* in, float* out, std::size_t n) const {
  switch (type) {
    case KvType::f32:
      return;
    case KvType::f16:
      kernels_->f16_to_f32(halves(in), out, n);
      return;
    case KvType::q8_0:
      kernels_->q8_0_to_f32(in, out, n);
      return;
    case KvType::q4_0:
      kernels_->q4_0_to_f32(in, out, n);
      return;
  }
}

void KvCache::read_block(std::size_t index, std::span<std::byte> out) const {
  const std::size_t keys = block_rows() * key_bytes_;
  const std::size_t values = block_rows() * value_bytes_;
  std::memcpy(out.data(), keys_.data() + index * keys, keys);
  std::memcpy(out.data() + keys, values_.data() + index * values, values);
}

void KvCache::write_block(std::size_t index, std::span<const std::byte> in) {
  const std::size_t keys = block_rows() * key_bytes_;
  const std::size_t values = block_rows() * value_bytes_;
  std::memcpy(keys_.data() + index * keys, in.data(), keys);
  std::memcpy(values_.data() + index * values, in.data() + keys, values);
}

const std::byte* KvCache::key_tiles(std::size_t layer, std::size_t head, std::size_t first) const {
  return keys_.data() + offset(layer, head, first, key_bytes_);
}

const float* KvCache::key_tile(std::size_t layer, std::size_t head, std::size_t tile, float* scratch) const {
  const std::byte* in = key_tiles(layer, head, tile * kKvTile);
  if (shape_.key_type == KvType::f32) return reinterpret_cast<const float*>(in);
  widen(shape_.key_type, in, scratch, shape_.head_dim * kKvTile);
  return scratch;
}

const float* KvCache::value_rows(std::size_t layer, std::size_t head, std::size_t first, std::size_t count,
                                 float* scratch) const {
  const std::byte* in = values_.data() + offset(layer, head, first, value_bytes_);
  if (shape_.value_type == KvType::f32) return reinterpret_cast<const float*>(in);
  widen(shape_.value_type, in, scratch, count * shape_.head_dim);
  return scratch;
}

}  // namespace mote::engine
