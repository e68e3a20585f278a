// Weights in execution layout and their products with activations. Single threaded: the caller splits row
// tiles over threads, and the result of a row never depends on the split, on the number of columns or on the
// chunking.
//
//   integer path   activations as int8 per group of 32 (scale f32, sums per 16 for offsets and mins), weights
//   as
//                  unsigned codes interleaved by 16 rows, scales beside them:
//                  y[r][t] = sum over groups g, in order, of scale_w * scale_a * (int32 dot) - min_w *
//                  scale_a * sum_a
//   float path     exact products of the decoded weights with f32 activations, lane-wise in a fixed order
//
// Both then multiply by the matrix's factor, where it is not 1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/kernel_table.h"
#include "mote/result.h"
#include "tensor/aligned_buffer.h"
#include "tensor/quantized_tensor.h"

namespace mote::kernels {

// Of the tiles' bytes, which files of earlier runs may hold: one more whenever a format's tiles come out
// otherwise. They depend on the weight alone, neither on the instruction set nor on threads.
inline constexpr std::uint32_t kTileLayoutVersion = 1;

// A matrix [rows, cols] made ready for this CPU. Move-only; owns its bytes (plain floats and `float_path`
// borrow the source's bytes instead, so the source must outlive it).
struct PackedMatrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  CodecId codec = CodecId::f32;
  bool integer = false;        // which of the two paths
  std::uint8_t group = 32;     // 16 or 32
  std::uint8_t code_bits = 8;  // as laid out: 2, 3, 4, 5, 6 or 8
  bool has_min = false;
  ScaleKind scale_kind = ScaleKind::single;
  bool has_table = false;        // codes stand for the values below
  std::uint8_t max_value = 255;  // of a code, or of its table value
  std::int32_t offset = 0;       // value = code (or table value) - offset
  std::array<std::uint8_t, 16> values{};
  float factor = 1.0F;         // of every product; what a file keeps beside an NVFP4 tensor as "NAME.scale"
  std::size_t tile_bytes = 0;  // integer path
  // Integer path: tile_count() * tile_bytes, in `owned` or in the place that the caller gave.
  const std::byte* tiles = nullptr;
  std::byte* unfilled = nullptr;  // the same, for pack_tiles(); null where they were packed before
  AlignedBuffer owned;
  std::span<const std::byte> blocks;  // float path: canonical rows
  [[nodiscard]] std::size_t tile_count() const { return (rows + kTileRows - 1) / kTileRows; }
  [[nodiscard]] std::size_t bytes() const { return integer ? tile_count() * tile_bytes : blocks.size(); }
};

// Bytes that pack() will allocate; 0 for the float path.
std::size_t packed_bytes(const QuantizedTensor& weight, bool integer);

// Lays out tiles [first_tile, last_tile) of `weight` in `out`, which prepare_pack() has sized. Tiles are
// independent, so the caller may split them over threads. OUT_OF_MEMORY where memory is missing.
// `place`, where not null, is packed_bytes() long, 64-byte aligned, and outlives the result: matrices one
// after another in one large buffer share its huge pages.
Result<PackedMatrix> prepare_pack(const QuantizedTensor& weight, bool integer, std::byte* place = nullptr);
void pack_tiles(const QuantizedTensor& weight, const PackedMatrix& out, std::size_t first_tile,
                std::size_t last_tile);
// A matrix whose tiles lie ready: those that pack_tiles() made of the same weight under the same
// kTileLayoutVersion. `tiles`: packed_bytes() of them, 64-byte aligned; they outlive the result.
PackedMatrix packed_before(const QuantizedTensor& weight, std::span<const std::byte> tiles);

// The layout of a matrix whose rows come one by one and whose tiles the caller keeps (keys of attention): no
// bytes are allocated. `integer` is false where `codec` has no integer form or 32 does not divide `cols`.
PackedMatrix integer_layout(CodecId codec, std::size_t rows, std::size_t cols);
// Row `row`, given as canonical blocks, into its place in `tiles`. Rows of one tile share its lines, so rows
// may be packed from several threads as long as each packs its own.
void pack_row(const PackedMatrix& layout, const std::byte* blocks, std::size_t row, std::byte* tiles);

// What was packed, back: row `row` as codes [cols] (table codes as their values), scales and mins [cols /
// group]. For tests and inspection. Integer path only.
void unpack_row(const PackedMatrix& packed, std::size_t row, std::uint8_t* codes, float* scales, float* mins);

// Activations of n tokens, quantized once for all matrices that read them. Buffers belong to the caller
// (scratch): codes [n][cols], scales [n][cols / 32], sums [n][cols / 16].
struct Activations {
  std::size_t n = 0;
  std::size_t cols = 0;
  const float* values = nullptr;  // [n][cols], for the float path
  std::int8_t* codes = nullptr;
  float* scales = nullptr;
  std::int32_t* sums = nullptr;
};
// Bytes of the three buffers together, and their places in `scratch` (64-byte aligned) for the n and cols of
// `a`.
std::size_t activation_scratch_bytes(std::size_t n, std::size_t cols);
void bind_activation_scratch(Activations& a, std::byte* scratch);
// Fills codes, scales and sums from values for tokens [first, last).
void quantize_activations(const KernelTable& table, Activations& a, std::size_t first, std::size_t last);

// y[t * y_stride + r] for all n tokens and the rows of tiles [first_tile, last_tile). `scratch` is private to
// the calling thread, matmul_scratch_bytes() long.
std::size_t matmul_scratch_bytes(const PackedMatrix& w, std::size_t n);
void matmul(const KernelTable& table, const PackedMatrix& w, const Activations& a, float* y,
            std::size_t y_stride, std::size_t first_tile, std::size_t last_tile, std::byte* scratch);
// The same for the first `rows` rows of `tiles`, which lie as `layout` says: y[t * y_stride + r] from r = 0
// on.
void matmul_tiles(const KernelTable& table, const PackedMatrix& layout, const std::byte* tiles,
                  std::size_t rows, const Activations& a, float* y, std::size_t y_stride, std::byte* scratch);

}  // namespace mote::kernels
