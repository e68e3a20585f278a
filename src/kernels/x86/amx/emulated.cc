// The products of amx/ with emulated tile registers, so that tests run them on any processor with AVX-512.
// After Intel's SDM, volume 2, TDPBSSD, TILELOADD, TILESTORED and TILEZERO: what is beyond a tile's rows and
// bytes is neither read nor written.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa_tables.h"
//
#include "kernels/tile_view.inc"
//
#include "kernels/x86/fetch_ahead.inc"
//
#include "kernels/x86/wide_tile.inc"
//
#include "kernels/x86/amx/product.inc"

namespace mote::kernels {
namespace {

class EmulatedTiles {
 public:
  void configure(std::size_t elements) {
    for (int i = 0; i < 8; ++i) {
      tiles_[i].row_bytes = i == 4 || i == 5 ? elements : 64;
      tiles_[i].rows = i < 6 ? 16 : elements / 4;
    }
  }
  // As on the processor, nothing works without a configuration.
  void release() {
    for (Tile& tile : tiles_) tile.rows = 0;
  }
  template <int kTile>
  void clear() {
    __builtin_memset(tiles_[kTile].bytes, 0, sizeof tiles_[kTile].bytes);
  }
  template <int kTile>
  void load(const void* p, std::size_t stride) {
    Tile& tile = tiles_[kTile];
    clear<kTile>();
    for (std::size_t r = 0; r < tile.rows; ++r) {
      __builtin_memcpy(tile.bytes[r], static_cast<const std::byte*>(p) + r * stride, tile.row_bytes);
    }
  }
  template <int kTile>
  void store(void* p, std::size_t stride) {
    const Tile& tile = tiles_[kTile];
    for (std::size_t r = 0; r < tile.rows; ++r) {
      __builtin_memcpy(static_cast<std::byte*>(p) + r * stride, tile.bytes[r], tile.row_bytes);
    }
  }
  template <int kSum, int kA, int kB>
  void add_product() {
    const Tile& a = tiles_[kA];
    const Tile& b = tiles_[kB];
    Tile& sum = tiles_[kSum];
    for (std::size_t row = 0; row < sum.rows; ++row) {
      for (std::size_t k = 0; k < a.row_bytes / 4; ++k) {
        for (std::size_t column = 0; column < sum.row_bytes / 4; ++column) {
          std::int32_t total = 0;
          __builtin_memcpy(&total, &sum.bytes[row][4 * column], sizeof total);
          for (std::size_t i = 0; i < 4; ++i) {
            total += static_cast<std::int32_t>(a.bytes[row][4 * k + i]) * b.bytes[k][4 * column + i];
          }
          __builtin_memcpy(&sum.bytes[row][4 * column], &total, sizeof total);
        }
      }
    }
  }

 private:
  struct Tile {
    std::size_t rows = 0;
    std::size_t row_bytes = 0;
    std::int8_t bytes[16][64] = {};
  };
  Tile tiles_[8];
};

void matmul_integer(const IntegerMatmul& m) noexcept {
  tile_matmul_integer<EmulatedTiles>(m, kAvx512VnniKernels.matmul_integer);
}

}  // namespace

constinit const KernelTable kAmxEmulatedKernels = {
    .matmul_integer = matmul_integer,
};

}  // namespace mote::kernels
