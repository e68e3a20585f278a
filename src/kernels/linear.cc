#include "kernels/linear.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/checked.h"
#include "codec/codec.h"
#include "tensor/float16.h"
//
#include "kernels/tile_view.inc"
//
#include "kernels/reference/read_tile.inc"

namespace mote::kernels {

namespace {

constexpr std::size_t kSumGroup = 16;
// Columns whose corrections are prepared together. A multiple of every kernel's column block; small, so that
// they stay in the first-level cache beside the activations.
constexpr std::size_t kColumnChunk = 96;
// From so many columns on, a tile of half rows is turned to float once instead of once per column block.
constexpr std::size_t kConvertFrom = 3;

constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

std::size_t code_bytes(const PackedMatrix& m) { return m.cols / kBlock * block_bytes(m.code_bits); }
// Of one run of scales, or of mins, and of one run of factors.
std::size_t scales_bytes(const PackedMatrix& m) {
  return m.cols / m.group * kTileRows * scale_size(m.scale_kind);
}
std::size_t factors_bytes(const PackedMatrix& m) {
  return m.scale_kind == ScaleKind::product ? m.cols / kFactorElements * kTileRows * sizeof(Half) : 0;
}

PackedMatrix layout(CodecId id, std::size_t rows, std::size_t cols, bool integer) {
  PackedMatrix m;
  m.rows = rows;
  m.cols = cols;
  m.codec = id;
  const codec::Codec& codec = codec::codec_of(id);
  const codec::IntegerForm* form = codec.integer_form;
  m.integer = integer && form != nullptr && m.cols % kBlock == 0;
  if (!m.integer) return m;
  m.group = static_cast<std::uint8_t>(form->group_elements);
  m.code_bits = form->code_bits;
  m.has_min = form->has_min;
  m.scale_kind = form->unpack_scales != nullptr ? ScaleKind::product
                 : form->half_scales            ? ScaleKind::half
                                                : ScaleKind::single;
  m.max_value = static_cast<std::uint8_t>((1U << form->code_bits) - 1U);
  m.offset = form->offset;
  if (form->table != nullptr) {  // signed values become unsigned by an offset of 128
    m.has_table = true;
    m.offset = 128;
    m.max_value = 255;
    for (std::size_t i = 0; i < (1U << form->code_bits); ++i) {
      m.values[i] = static_cast<std::uint8_t>(form->table[i] + 128);
    }
  }
  m.tile_bytes = round_up(code_bytes(m) + (scales_bytes(m) + factors_bytes(m)) * (m.has_min ? 2 : 1),
                          AlignedBuffer::kAlignment);
  return m;
}

PackedMatrix layout(const QuantizedTensor& weight, bool integer) {
  PackedMatrix m = layout(weight.codec, weight.shape.rows(), weight.shape.cols(), integer);
  m.blocks = weight.blocks();
  return m;
}

void store_half(std::byte* out, std::size_t index, Half value) {
  std::memcpy(out + index * sizeof value, &value, sizeof value);
}
// Codes of 32 elements of row `r` into a block of the tile.
void store_codes(std::byte* block, std::size_t r, const std::uint8_t* codes, int bits) {
  constexpr std::uint32_t kOfEachByte = 0x01010101U;
  std::uint32_t dwords[8];
  std::memcpy(dwords, codes, sizeof dwords);
  const auto store = [&](std::size_t byte, std::uint32_t dword) {
    std::memcpy(block + byte + 4 * r, &dword, sizeof dword);
  };
  // Dwords first, first + step ... of a plane side by side in bytes: `width` bits each, from bit `from` of
  // the codes on.
  const auto merged = [&](std::size_t first, std::size_t step, unsigned from, unsigned width) {
    std::uint32_t out = 0;
    unsigned to = 0;
    for (std::size_t i = first; to < 8; i += step, to += width) {
      out |= ((dwords[i] >> from) & (kOfEachByte * ((1U << width) - 1U))) << to;
    }
    return out;
  };
  const auto low = static_cast<unsigned>(low_bits(bits));
  if (low == 8) {
    for (std::size_t i = 0; i < 8; ++i) store(64 * i, dwords[i]);
  } else if (low == 4) {
    for (std::size_t i = 0; i < 4; ++i) store(64 * i, merged(i, 4, 0, 4));
  } else {
    for (std::size_t k = 0; k < 2; ++k) store(64 * k, merged(4 * k, 1, 0, 2));
  }
  if (high_bits(bits) == 2) {
    for (std::size_t k = 0; k < 2; ++k) store(high_plane(bits) + 64 * k, merged(4 * k, 1, low, 2));
  } else if (high_bits(bits) == 1) {
    store(high_plane(bits), merged(0, 1, low, 1));
  }
}

void store_float_scales(std::byte* out, std::size_t r, const float* values, std::size_t groups, bool half) {
  for (std::size_t g = 0; g < groups; ++g) {
    if (half) {
      store_half(out, g * kTileRows + r, float_to_half(values[g]));
    } else {
      std::memcpy(out + (g * kTileRows + r) * sizeof(float), &values[g], sizeof(float));
    }
  }
}

// Row `r` of a tile, from its canonical blocks.
void store_row(const codec::Codec& codec, const PackedMatrix& out, const std::byte* in, std::size_t r,
               std::byte* tile) {
  constexpr std::size_t kMaxBlock = 256;
  std::uint8_t codes[kMaxBlock];
  float scales[kMaxBlock / kSumGroup];
  float mins[kMaxBlock / kSumGroup];
  const codec::IntegerForm& form = *codec.integer_form;
  const std::size_t blocks = out.cols / codec.block_elements;
  const std::size_t groups = codec.block_elements / out.group;
  const bool half = out.scale_kind == ScaleKind::half;
  std::byte* tile_scales = tile + code_bytes(out);
  std::byte* tile_mins = tile_scales + scales_bytes(out);
  std::byte* factors = tile_mins + (out.has_min ? scales_bytes(out) : 0);
  std::byte* min_factors = factors + factors_bytes(out);
  for (std::size_t b = 0; b < blocks; ++b) {
    form.unpack(in + b * codec.block_bytes, codes, scales, mins);
    for (std::size_t i = 0; i < codec.block_elements; i += kBlock) {
      const std::size_t block = (b * codec.block_elements + i) / kBlock;
      store_codes(tile + block * block_bytes(out.code_bits), r, codes + i, out.code_bits);
    }
    const std::size_t first = b * groups * kTileRows * scale_size(out.scale_kind);
    if (out.scale_kind != ScaleKind::product) {
      store_float_scales(tile_scales + first, r, scales, groups, half);
      if (out.has_min) store_float_scales(tile_mins + first, r, mins, groups, half);
      continue;
    }
    codec::ScaleCodes scale_codes;
    form.unpack_scales(in + b * codec.block_bytes, scale_codes);
    for (std::size_t g = 0; g < groups; ++g) {
      tile_scales[first + g * kTileRows + r] = static_cast<std::byte>(scale_codes.scales[g]);
      if (out.has_min) tile_mins[first + g * kTileRows + r] = static_cast<std::byte>(scale_codes.mins[g]);
    }
    store_half(factors, b * kTileRows + r, scale_codes.factor);
    if (out.has_min) store_half(min_factors, b * kTileRows + r, scale_codes.min_factor);
  }
}

// Correction and min sums of `n` columns from `first` on.
void prepare_columns(const PackedMatrix& w, const Activations& a, std::size_t first, std::size_t n,
                     std::int32_t* correction, float* min_sums) {
  const std::size_t groups = w.cols / w.group;
  const std::size_t parts = w.group / kSumGroup;  // 1 or 2 sums make a group's
  for (std::size_t t = 0; t < n; ++t) {
    const std::int32_t* sums = a.sums + (first + t) * (w.cols / kSumGroup);
    const float* scales = a.scales + (first + t) * (w.cols / kBlock);
    for (std::size_t g = 0; g < groups; ++g) {
      const std::int32_t sum = parts == 1 ? sums[g] : sums[2 * g] + sums[2 * g + 1];
      correction[t * groups + g] = -w.offset * sum;
      if (w.has_min) min_sums[t * groups + g] = scales[g * w.group / kBlock] * static_cast<float>(sum);
    }
  }
}

// y[t * y_stride + r] for the `rows` rows of the tiles from `tiles` on.
void matmul_integer(const KernelTable& table, const PackedMatrix& w, const std::byte* tiles, std::size_t rows,
                    const Activations& a, float* y, std::size_t y_stride, std::byte* scratch) {
  const std::size_t groups = w.cols / w.group;
  const std::size_t chunk = std::min(a.n, kColumnChunk);
  auto* correction = reinterpret_cast<std::int32_t*>(scratch);
  auto* min_sums = reinterpret_cast<float*>(scratch + round_up(chunk * groups * sizeof(std::int32_t), 64));
  IntegerMatmul m{.tiles = tiles,
                  .tile_bytes = w.tile_bytes,
                  .tile_count = (rows + kTileRows - 1) / kTileRows,
                  .cols = w.cols,
                  .group = w.group,
                  .code_bits = w.code_bits,
                  .scale_kind = w.scale_kind,
                  .has_min = w.has_min,
                  .max_value = w.max_value,
                  .values = w.has_table ? w.values.data() : nullptr,
                  .offset = w.offset,
                  .n = 0,
                  .codes = nullptr,
                  .scales = nullptr,
                  .correction = correction,
                  .min_sums = w.has_min ? min_sums : nullptr,
                  .y = nullptr,
                  .y_stride = y_stride,
                  .rows = rows};
  for (std::size_t t = 0; t < a.n; t += chunk) {
    m.n = std::min(chunk, a.n - t);
    prepare_columns(w, a, t, m.n, correction, min_sums);
    m.codes = a.codes + t * w.cols;
    m.scales = a.scales + t * (w.cols / kBlock);
    m.y = y + t * y_stride;
    table.matmul_integer(m);
  }
}

template <typename Weight>
FloatMatmul<Weight> float_product(const Activations& a, const Weight* rows, std::size_t row_count,
                                  std::size_t cols, float* y, std::size_t y_stride) {
  return {.w = rows,
          .w_stride = cols,
          .rows = row_count,
          .x = a.values,
          .x_stride = cols,
          .n = a.n,
          .cols = cols,
          .y = y,
          .y_stride = y_stride};
}

// The stored rows as they lie, where they are aligned numbers of type T; null otherwise.
template <typename T>
const T* rows_in_place(const PackedMatrix& w) {
  const void* data = w.blocks.data();
  if (reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0) return nullptr;
  return static_cast<const T*>(data);
}

// Rows [first, first + count) as floats in `out`.
void decode_rows(const KernelTable& table, const PackedMatrix& w, std::size_t first, std::size_t count,
                 float* out) {
  const codec::Codec& codec = codec::codec_of(w.codec);
  const bool is_half = w.codec == CodecId::f16 || w.codec == CodecId::bf16;
  if (const auto* halves = is_half ? rows_in_place<std::uint16_t>(w) : nullptr; halves != nullptr) {
    (w.codec == CodecId::f16 ? table.f16_to_f32 : table.bf16_to_f32)(halves + first * w.cols, out,
                                                                     count * w.cols);
    return;
  }
  const std::size_t blocks = w.cols / codec.block_elements;
  codec.decode(w.blocks.data() + first * blocks * codec.block_bytes, out, count * blocks);
}

void matmul_float(const KernelTable& table, const PackedMatrix& w, const Activations& a, float* y,
                  std::size_t y_stride, std::size_t first_tile, std::size_t last_tile, std::byte* scratch) {
  const std::size_t first = first_tile * kTileRows;
  const std::size_t last = std::min(w.rows, last_tile * kTileRows);
  if (first >= last) return;
  if (w.codec == CodecId::f32) {
    if (const auto* rows = rows_in_place<float>(w); rows != nullptr) {
      table.matmul_f32(float_product(a, rows + first * w.cols, last - first, w.cols, y + first, y_stride));
      return;
    }
  }
  if ((w.codec == CodecId::f16 || w.codec == CodecId::bf16) && a.n < kConvertFrom) {
    if (const auto* rows = rows_in_place<std::uint16_t>(w); rows != nullptr) {
      const auto product = float_product(a, rows + first * w.cols, last - first, w.cols, y + first, y_stride);
      (w.codec == CodecId::f16 ? table.matmul_f16 : table.matmul_bf16)(product);
      return;
    }
  }
  auto* panel = reinterpret_cast<float*>(scratch);
  for (std::size_t row = first; row < last; row += kTileRows) {
    const std::size_t count = std::min(kTileRows, last - row);
    decode_rows(table, w, row, count, panel);
    table.matmul_f32(float_product(a, static_cast<const float*>(panel), count, w.cols, y + row, y_stride));
  }
}

}  // namespace

std::size_t packed_bytes(const QuantizedTensor& weight, bool integer) {
  const PackedMatrix m = layout(weight, integer);
  return m.integer ? m.tile_count() * m.tile_bytes : 0;
}

Result<PackedMatrix> prepare_pack(const QuantizedTensor& weight, bool integer, std::byte* place) {
  PackedMatrix m = layout(weight, integer);
  m.tiles = m.unfilled = place;
  if (!m.integer || place != nullptr || m.rows == 0 || m.cols == 0) return m;
  const Checked bytes = Checked(m.tile_count()) * Checked(m.tile_bytes);
  if (bytes.valid()) m.owned = AlignedBuffer(bytes.value().value_or(0));
  if (m.owned.size() == 0) {
    return Error{kOutOfMemory,
                 "cannot pack a matrix of " + std::to_string(m.rows) + " x " + std::to_string(m.cols) +
                     ": no memory for " + std::to_string(m.tile_count()) + " tiles of " +
                     std::to_string(m.tile_bytes) + " bytes",
                 "close other programs or use a smaller model",
                 {},
                 {}};
  }
  m.tiles = m.unfilled = m.owned.data();
  return m;
}

void pack_tiles(const QuantizedTensor& weight, const PackedMatrix& out, std::size_t first_tile,
                std::size_t last_tile) {
  if (!out.integer || out.unfilled == nullptr) return;
  const codec::Codec& codec = codec::codec_of(weight.codec);
  const std::size_t row_bytes = out.cols / codec.block_elements * codec.block_bytes;
  for (std::size_t tile = first_tile; tile < last_tile; ++tile) {
    std::byte* bytes = out.unfilled + tile * out.tile_bytes;
    const std::size_t last_row = std::min(out.rows, (tile + 1) * kTileRows);
    for (std::size_t row = tile * kTileRows; row < last_row; ++row) {
      store_row(codec, out, out.blocks.data() + row * row_bytes, row % kTileRows, bytes);
    }
  }
}

PackedMatrix packed_before(const QuantizedTensor& weight, std::span<const std::byte> tiles) {
  PackedMatrix m = layout(weight, true);
  m.tiles = tiles.data();
  return m;
}

PackedMatrix integer_layout(CodecId codec, std::size_t rows, std::size_t cols) {
  return layout(codec, rows, cols, true);
}

void pack_row(const PackedMatrix& layout, const std::byte* blocks, std::size_t row, std::byte* tiles) {
  store_row(codec::codec_of(layout.codec), layout, blocks, row % kTileRows,
            tiles + row / kTileRows * layout.tile_bytes);
}

void unpack_row(const PackedMatrix& packed, std::size_t row, std::uint8_t* codes, float* scales,
                float* mins) {
  IntegerMatmul m{};
  m.cols = packed.cols;
  m.group = packed.group;
  m.code_bits = packed.code_bits;
  m.scale_kind = packed.scale_kind;
  m.has_min = packed.has_min;
  const TileView tile = view_of(m, packed.tiles + row / kTileRows * packed.tile_bytes, 0);
  const std::size_t r = row % kTileRows;
  for (std::size_t i = 0; i < packed.cols; ++i) {
    codes[i] =
        code_at(tile.codes + i / kBlock * block_bytes(packed.code_bits), packed.code_bits, r, i % kBlock);
    if (packed.has_table) codes[i] = packed.values[codes[i]];
  }
  for (std::size_t g = 0; g < packed.cols / packed.group; ++g) {
    scales[g] = scale_at(m, tile.scales, g, r);
    mins[g] = packed.has_min ? scale_at(m, tile.mins, g, r) : 0.0F;
  }
}

std::size_t activation_scratch_bytes(std::size_t n, std::size_t cols) {
  return round_up(n * cols, 64) + round_up(n * (cols / kBlock) * sizeof(float), 64) +
         round_up(n * (cols / kSumGroup) * sizeof(std::int32_t), 64);
}

void bind_activation_scratch(Activations& a, std::byte* scratch) {
  a.codes = reinterpret_cast<std::int8_t*>(scratch);
  scratch += round_up(a.n * a.cols, 64);
  a.scales = reinterpret_cast<float*>(scratch);
  scratch += round_up(a.n * (a.cols / kBlock) * sizeof(float), 64);
  a.sums = reinterpret_cast<std::int32_t*>(scratch);
}

void quantize_activations(const KernelTable& table, Activations& a, std::size_t first, std::size_t last) {
  for (std::size_t t = first; t < last; ++t) {
    table.quantize_row(a.values + t * a.cols, a.cols, a.codes + t * a.cols, a.scales + t * (a.cols / kBlock),
                       a.sums + t * (a.cols / kSumGroup));
  }
}

std::size_t matmul_scratch_bytes(const PackedMatrix& w, std::size_t n) {
  if (!w.integer) return round_up(kTileRows * w.cols * sizeof(float), 64);
  return 2 * round_up(std::min(n, kColumnChunk) * (w.cols / w.group) * sizeof(float), 64);
}

void matmul(const KernelTable& table, const PackedMatrix& w, const Activations& a, float* y,
            std::size_t y_stride, std::size_t first_tile, std::size_t last_tile, std::byte* scratch) {
  if (a.n == 0 || first_tile >= last_tile) return;
  const std::size_t first = first_tile * kTileRows;
  const std::size_t last = std::min(w.rows, last_tile * kTileRows);
  if (w.integer) {
    matmul_integer(table, w, w.tiles + first_tile * w.tile_bytes, last - first, a, y + first, y_stride,
                   scratch);
  } else {
    matmul_float(table, w, a, y, y_stride, first_tile, last_tile, scratch);
  }
  if (w.factor == 1.0F) return;
  for (std::size_t t = 0; t < a.n; ++t) {
    for (std::size_t r = first; r < last; ++r) y[t * y_stride + r] *= w.factor;
  }
}

void matmul_tiles(const KernelTable& table, const PackedMatrix& layout, const std::byte* tiles,
                  std::size_t rows, const Activations& a, float* y, std::size_t y_stride,
                  std::byte* scratch) {
  if (a.n == 0 || rows == 0) return;
  matmul_integer(table, layout, tiles, rows, a, y, y_stride, scratch);
}

}  // namespace mote::kernels
