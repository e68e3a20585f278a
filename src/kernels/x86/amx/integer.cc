// Integer products with the processor's tile registers. The instructions are written out: GCC 12 tells its
// optimizer about 8 of the 64 bytes that _tile_loadconfig reads, and its other intrinsics take tile numbers
// as digits only.
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

// Intel SDM volume 1, 18.2: palette 1, bytes per row of tiles 0 to 7 from byte 16 on, rows from byte 48 on.
struct Config {
  std::uint8_t palette;
  std::uint8_t start_row;
  std::uint8_t reserved[14];
  std::uint16_t row_bytes[16];
  std::uint8_t rows[16];
};
static_assert(sizeof(Config) == 64);

struct ProcessorTiles {
  void configure(std::size_t elements) {
    Config config{};
    config.palette = 1;
    for (int i = 0; i < 8; ++i) {
      config.row_bytes[i] = i == 4 || i == 5 ? static_cast<std::uint16_t>(elements) : 64;
      config.rows[i] = i < 6 ? 16 : static_cast<std::uint8_t>(elements / 4);
    }
    asm volatile("ldtilecfg %0" : : "m"(config));
  }
  void release() { asm volatile("tilerelease"); }
  template <int kTile>
  void clear() {
    asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  template <int kTile>
  void load(const void* p, std::size_t stride) {
    asm volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(kTile), "r"(p), "r"(stride) : "memory");
  }
  template <int kTile>
  void store(void* p, std::size_t stride) {
    asm volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(kTile), "r"(p), "r"(stride) : "memory");
  }
  template <int kSum, int kA, int kB>
  void add_product() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
};

void matmul_integer(const IntegerMatmul& m) noexcept {
  tile_matmul_integer<ProcessorTiles>(m, kAvx512VnniKernels.matmul_integer);
}

}  // namespace

constinit const KernelTable kAmxKernels = {
    .matmul_integer = matmul_integer,
};

}  // namespace mote::kernels
