#include "engine/kv_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "tensor/float16.h"

namespace mote::engine {
namespace {

constexpr std::size_t kBlock = 32;

// Bytes of `positions` rows of `dim` elements: codes, then one half per block and position.
std::size_t stored_bytes(KvType type, std::size_t dim, std::size_t positions) {
  switch (type) {
    case KvType::f32:
      return dim * positions * 4;
    case KvType::f16:
      return dim * positions * 2;
    case KvType::q8_0:
      return (dim + dim / kBlock * 2) * positions;
    case KvType::q4_0:
      return (dim / 2 + dim / kBlock * 2) * positions;
  }
  return 0;
}

struct Q8Block {
  std::int8_t codes[kBlock];
  Half scale;
};

// Scale: the largest magnitude / 127. Codes: nearest, halves away from zero, as the format's reference
// rounds.
Q8Block quantize_q8(const float* x) {
  float largest = 0;
  for (std::size_t i = 0; i < kBlock; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float scale = largest / 127.0F;
  const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
  Q8Block block{};
  block.scale = float_to_half(scale);
  for (std::size_t i = 0; i < kBlock; ++i) {
    block.codes[i] = static_cast<std::int8_t>(std::clamp(std::round(x[i] * inverse), -127.0F, 127.0F));
  }
  return block;
}

struct Q4Block {
  std::uint8_t codes[kBlock / 2];  // element j low, element j + 16 high
  Half scale;
};

// Scale: the value of largest magnitude / -8, so that it is exact. Codes: x / scale + 8, rounded.
Q4Block quantize_q4(const float* x) {
  float extreme = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  const float scale = extreme / -8.0F;
  const float inverse = scale != 0 ? 1.0F / scale : 0.0F;
  const auto code = [&](float v) {
    return static_cast<unsigned>(std::clamp(v * inverse + 8.5F, 0.0F, 15.0F));
  };
  Q4Block block{};
  block.scale = float_to_half(scale);
  for (std::size_t i = 0; i < kBlock / 2; ++i) {
    block.codes[i] = static_cast<std::uint8_t>(code(x[i]) | (code(x[i + kBlock / 2]) << 4U));
  }
  return block;
}

// One head's row into codes and scales; element i of codes goes to codes[i * stride], block b's scale to
// scales[b * stride] (16 bits each).
void store_blocks(KvType type, const float* row, std::size_t dim, std::byte* codes, std::byte* scales,
                  std::size_t stride) {
  for (std::size_t b = 0; b < dim / kBlock; ++b) {
    Half scale = 0;
    if (type == KvType::q8_0) {
      const Q8Block block = quantize_q8(row + b * kBlock);
      for (std::size_t i = 0; i < kBlock; ++i) {
        codes[(b * kBlock + i) * stride] = static_cast<std::byte>(block.codes[i]);
      }
      scale = block.scale;
    } else {
      const Q4Block block = quantize_q4(row + b * kBlock);
      for (std::size_t i = 0; i < kBlock / 2; ++i) {
        codes[(b * kBlock / 2 + i) * stride] = static_cast<std::byte>(block.codes[i]);
      }
      scale = block.scale;
    }
    std::memcpy(scales + b * stride * sizeof(Half), &scale, sizeof scale);
  }
}

std::size_t code_bytes(KvType type, std::size_t dim) { return type == KvType::q8_0 ? dim : dim / 2; }

const std::uint16_t* halves(const std::byte* p) { return reinterpret_cast<const std::uint16_t*>(p); }

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

std::optional<KvType> find_kv_type(std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  for (const KvType type : {KvType::f16, KvType::f32, KvType::q8_0, KvType::q4_0}) {
    if (std::ranges::equal(name, to_string(type), {}, lower)) return type;
  }
  return std::nullopt;
}

std::size_t KvShape::tile_bytes() const { return stored_bytes(key_type, head_dim, kLanes); }
std::size_t KvShape::value_row_bytes() const {
  const bool plain = value_type == KvType::f16 || value_type == KvType::f32;
  return stored_bytes(value_type, plain ? padded_dim() : head_dim, 1);
}

std::optional<std::uint64_t> KvShape::bytes() const {
  const Checked heads = Checked(layers) * kv_heads;
  return (heads * tiles() * tile_bytes() + heads * tiles() * kLanes * value_row_bytes()).value();
}

std::optional<KvCache> KvCache::create(const KvShape& shape, const RowOps& ops) {
  if (!shape.bytes()) return std::nullopt;
  KvCache cache;
  cache.shape_ = shape;
  cache.ops_ = &ops;
  const std::size_t heads = shape.layers * shape.kv_heads;
  cache.keys_ = AlignedBuffer(heads * shape.tiles() * shape.tile_bytes());
  cache.values_ = AlignedBuffer(heads * shape.tiles() * kLanes * shape.value_row_bytes());
  if (cache.keys_.size() == 0 || cache.values_.size() == 0) return std::nullopt;
  return cache;
}

std::size_t KvCache::key_offset(std::size_t layer, std::size_t head, std::size_t tile) const {
  return ((layer * shape_.kv_heads + head) * shape_.tiles() + tile) * shape_.tile_bytes();
}

std::size_t KvCache::value_offset(std::size_t layer, std::size_t head, std::size_t position) const {
  return ((layer * shape_.kv_heads + head) * shape_.tiles() * kLanes + position) * shape_.value_row_bytes();
}

void KvCache::store_key(std::size_t layer, std::size_t head, std::size_t position, const float* row) {
  std::byte* tile = keys_.data() + key_offset(layer, head, position / kLanes);
  const std::size_t lane = position % kLanes;
  const std::size_t dim = shape_.head_dim;
  switch (shape_.key_type) {
    case KvType::f32: {
      auto* out = reinterpret_cast<float*>(tile) + lane;
      for (std::size_t d = 0; d < dim; ++d) out[d * kLanes] = row[d];
      return;
    }
    case KvType::f16: {
      auto* out = reinterpret_cast<std::uint16_t*>(tile) + lane;
      for (std::size_t d = 0; d < dim; d += kLanes) {
        float in[kLanes] = {};
        std::uint16_t half[kLanes];
        const std::size_t n = std::min(kLanes, dim - d);
        std::copy_n(row + d, n, in);
        ops_->narrow_f16(in, half, kLanes);
        for (std::size_t i = 0; i < n; ++i) out[(d + i) * kLanes] = half[i];
      }
      return;
    }
    case KvType::q8_0:
    case KvType::q4_0:
      store_blocks(shape_.key_type, row, dim, tile + lane,
                   tile + code_bytes(shape_.key_type, dim) * kLanes + lane * sizeof(Half), kLanes);
      return;
  }
}

void KvCache::store_value(std::size_t layer, std::size_t head, std::size_t position, const float* row) {
  std::byte* out = values_.data() + value_offset(layer, head, position);
  const std::size_t dim = shape_.head_dim;
  switch (shape_.value_type) {
    case KvType::f32:
      std::memcpy(out, row, dim * sizeof(float));
      return;
    case KvType::f16:
      for (std::size_t d = 0; d < dim; d += kLanes) {
        float in[kLanes] = {};
        std::copy_n(row + d, std::min(kLanes, dim - d), in);
        ops_->narrow_f16(in, reinterpret_cast<std::uint16_t*>(out) + d, kLanes);
      }
      return;
    case KvType::q8_0:
    case KvType::q4_0:
      store_blocks(shape_.value_type, row, dim, out, out + code_bytes(shape_.value_type, dim), 1);
      return;
  }
}

const float* KvCache::key_tile(std::size_t layer, std::size_t head, std::size_t tile, float* scratch) const {
  const std::byte* in = keys_.data() + key_offset(layer, head, tile);
  const std::size_t dim = shape_.head_dim;
  const std::byte* scales = in + code_bytes(shape_.key_type, dim) * kLanes;
  switch (shape_.key_type) {
    case KvType::f32:
      return reinterpret_cast<const float*>(in);
    case KvType::f16:
      ops_->widen_f16(halves(in), scratch, dim * kLanes);
      break;
    case KvType::q8_0:
      ops_->widen_key_q8(reinterpret_cast<const std::int8_t*>(in), halves(scales), scratch, dim);
      break;
    case KvType::q4_0:
      ops_->widen_key_q4(reinterpret_cast<const std::uint8_t*>(in), halves(scales), scratch, dim);
      break;
  }
  return scratch;
}

const float* KvCache::value_rows(std::size_t layer, std::size_t head, std::size_t first, std::size_t count,
                                 float* scratch) const {
  const std::byte* in = values_.data() + value_offset(layer, head, first);
  const std::size_t dim = shape_.head_dim;
  const std::size_t row_bytes = shape_.value_row_bytes();
  switch (shape_.value_type) {
    case KvType::f32:
      return reinterpret_cast<const float*>(in);
    case KvType::f16:
      ops_->widen_f16(halves(in), scratch, count * shape_.padded_dim());
      return scratch;
    case KvType::q8_0:
    case KvType::q4_0:
      break;
  }
  const std::size_t codes = code_bytes(shape_.value_type, dim);
  for (std::size_t p = 0; p < count; ++p, in += row_bytes) {
    if (shape_.value_type == KvType::q8_0) {
      ops_->widen_value_q8(reinterpret_cast<const std::int8_t*>(in), halves(in + codes), scratch + p * dim,
                           dim);
    } else {
      ops_->widen_value_q4(reinterpret_cast<const std::uint8_t*>(in), halves(in + codes), scratch + p * dim,
                           dim);
    }
  }
  return scratch;
}

}  // namespace mote::engine
