// Integer products with AVX-512 VNNI: a register of codes is 16 rows x 4 elements, vpdpbusd takes 4
// activations of one column as a broadcast operand and adds into 16 sums. Sums start from the correction,
// which makes the offset of unsigned codes free. One tile x up to 16 columns: 8 registers of codes, 16 of
// float sums; codes are unpacked once for all of these columns. Prompts take two tiles x 6 columns.
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

namespace mote::kernels {
namespace {

constexpr int kMaxColumns = 16;
// Two groups per block need more registers: 16 columns would spill sums.
constexpr int kMaxSplitColumns = 12;

__m512i load_dword(const std::int8_t* p) {
  std::int32_t x = 0;
  __builtin_memcpy(&x, p, sizeof x);
  return _mm512_set1_epi32(x);
}

template <int kBits, bool kSplit, int kColumns>
void tile_product(const IntegerMatmul& m, std::size_t tile, std::size_t column) {
  constexpr std::size_t kBlockBytes = block_bytes(kBits);
  const std::size_t blocks = m.cols / kBlock;
  const std::size_t groups = kSplit ? 2 * blocks : blocks;
  const std::byte* place = m.tiles + tile * m.tile_bytes;
  const TileView view = view_of(m, place, 0);
  const std::byte* codes = view.codes;
  const std::size_t block_share = m.tile_bytes / blocks;
  const bool from_memory = column == 0;  // later columns find the band in the cache
  const bool has_table = kBits <= 4 && m.values != nullptr;
  const __m512i table =
      has_table ? _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(m.values)))
                : _mm512_setzero_si512();
  const std::int8_t* a = m.codes + column * m.cols;
  const float* scales_a = m.scales + column * blocks;
  const std::int32_t* correction = m.correction + column * groups;
  const float* min_sums = m.has_min ? m.min_sums + column * groups : nullptr;
  __m512 sums[kColumns];
#pragma GCC unroll 16
  for (__m512& sum : sums) sum = _mm512_setzero_ps();

  // Adds group `g` of every column, whose dots are in `dots(c)`.
  const auto add_mins = [&](std::size_t g) {
    const __m512 of_rows = load_scales<kSplit>(view.mins, g, m.scale_kind);
#pragma GCC unroll 16
    for (int c = 0; c < kColumns; ++c) {
      sums[c] = _mm512_fnmadd_ps(of_rows, _mm512_set1_ps(min_sums[static_cast<std::size_t>(c) * groups + g]),
                                 sums[c]);
    }
  };
  for (std::size_t b = 0; b < blocks; ++b, codes += kBlockBytes, place += block_share) {
    if (from_memory) fetch_ahead<kBits>(place);
    __m512i values[kDwords];
    load_values<kBits>(codes, has_table, table, values);
    const std::int8_t* block_a = a + b * kBlock;
    if constexpr (kSplit) {
#pragma GCC unroll 2
      for (int part = 0; part < 2; ++part) {
        const std::size_t g = 2 * b + static_cast<std::size_t>(part);
        const __m512 of_rows = load_scales<kSplit>(view.scales, g, m.scale_kind);
#pragma GCC unroll 16
        for (int c = 0; c < kColumns; ++c) {
          const std::int8_t* x = block_a + static_cast<std::size_t>(c) * m.cols + 16 * part;
          __m512i dot = _mm512_set1_epi32(correction[static_cast<std::size_t>(c) * groups + g]);
#pragma GCC unroll 4
          for (int i = 0; i < 4; ++i)
            dot = _mm512_dpbusd_epi32(dot, values[4 * part + i], load_dword(x + 4 * i));
          const __m512 factor =
              _mm512_mul_ps(of_rows, _mm512_set1_ps(scales_a[static_cast<std::size_t>(c) * blocks + b]));
          sums[c] = _mm512_fmadd_ps(factor, _mm512_cvtepi32_ps(dot), sums[c]);
        }
        if (min_sums != nullptr) add_mins(g);
      }
    } else {
      const __m512 of_rows = load_scales<kSplit>(view.scales, b, m.scale_kind);
#pragma GCC unroll 16
      for (int c = 0; c < kColumns; ++c) {
        const std::int8_t* x = block_a + static_cast<std::size_t>(c) * m.cols;
        __m512i dot = _mm512_set1_epi32(correction[static_cast<std::size_t>(c) * groups + b]);
        __m512i other = _mm512_setzero_si512();  // two chains hide the latency
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          dot = _mm512_dpbusd_epi32(dot, values[i], load_dword(x + 4 * i));
          other = _mm512_dpbusd_epi32(other, values[i + 4], load_dword(x + 4 * (i + 4)));
        }
        const __m512 factor =
            _mm512_mul_ps(of_rows, _mm512_set1_ps(scales_a[static_cast<std::size_t>(c) * blocks + b]));
        sums[c] = _mm512_fmadd_ps(factor, _mm512_cvtepi32_ps(_mm512_add_epi32(dot, other)), sums[c]);
      }
      if (min_sums != nullptr) add_mins(b);
    }
  }
  const std::size_t left = m.rows - tile * kTileRows;
  const auto mask = static_cast<__mmask16>(left >= kTileRows ? 0xFFFFU : (1U << left) - 1U);
#pragma GCC unroll 16
  for (int c = 0; c < kColumns; ++c) {
    _mm512_mask_storeu_ps(m.y + (column + static_cast<std::size_t>(c)) * m.y_stride + tile * kTileRows, mask,
                          sums[c]);
  }
}

template <int kBits, bool kSplit, int kColumns>
void tiles_product(const IntegerMatmul& m, std::size_t first, std::size_t last, std::size_t column) {
  for (std::size_t tile = first; tile < last; ++tile) tile_product<kBits, kSplit, kColumns>(m, tile, column);
}

// Two tiles x 6 columns, for prompts: a broadcast activation meets 32 rows, so that the loads of 16 rows x 16
// columns, one per dot product, no longer set the pace. 12 registers of float sums, 12 of dots, 2 of codes, 1
// of activations.
constexpr int kPairColumns = 6;

template <int kBits, bool kSplit, bool kTable>
struct PairProduct {
  const IntegerMatmul& m;
  std::size_t column;
  __m512i table;
  __m512 sums[2][kPairColumns];

  // Dword kDword of a block of both tiles with that of the columns, from `x` on.
  template <int kDword>
  [[gnu::always_inline]] inline void add_dword(const std::byte* const (&codes)[2], const std::int8_t* x,
                                               __m512i (&dots)[2][kPairColumns]) {
    __m512i first = load_value<kBits, kDword>(codes[0]);
    __m512i second = load_value<kBits, kDword>(codes[1]);
    if constexpr (kTable) {
      first = _mm512_shuffle_epi8(table, first);
      second = _mm512_shuffle_epi8(table, second);
    }
#pragma GCC unroll 6
    for (int c = 0; c < kPairColumns; ++c) {
      const __m512i four = load_dword(x + static_cast<std::size_t>(c) * m.cols + 4 * kDword);
      dots[0][c] = _mm512_dpbusd_epi32(dots[0][c], first, four);
      dots[1][c] = _mm512_dpbusd_epi32(dots[1][c], second, four);
    }
  }

  // Group g, of block b.
  template <int kFirst, int kCount>
  [[gnu::always_inline]] inline void add_group(const TileView (&views)[2], const std::byte* const (&codes)[2],
                                               std::size_t b, std::size_t g) {
    const std::size_t blocks = m.cols / kBlock;
    const std::size_t groups = kSplit ? 2 * blocks : blocks;
    const std::int8_t* x = m.codes + column * m.cols + b * kBlock;
    __m512i dots[2][kPairColumns];
#pragma GCC unroll 6
    for (int c = 0; c < kPairColumns; ++c) {
      dots[0][c] = _mm512_set1_epi32(m.correction[(column + static_cast<std::size_t>(c)) * groups + g]);
      dots[1][c] = dots[0][c];
    }
    add_dword<kFirst>(codes, x, dots);
    add_dword<kFirst + 1>(codes, x, dots);
    add_dword<kFirst + 2>(codes, x, dots);
    add_dword<kFirst + 3>(codes, x, dots);
    if constexpr (kCount == kDwords) {
      add_dword<4>(codes, x, dots);
      add_dword<5>(codes, x, dots);
      add_dword<6>(codes, x, dots);
      add_dword<7>(codes, x, dots);
    }
    const __m512 of_rows[2] = {load_scales<kSplit>(views[0].scales, g, m.scale_kind),
                               load_scales<kSplit>(views[1].scales, g, m.scale_kind)};
#pragma GCC unroll 6
    for (int c = 0; c < kPairColumns; ++c) {
      const __m512 of_column = _mm512_set1_ps(m.scales[(column + static_cast<std::size_t>(c)) * blocks + b]);
#pragma GCC unroll 2
      for (int t = 0; t < 2; ++t) {
        sums[t][c] =
            _mm512_fmadd_ps(_mm512_mul_ps(of_rows[t], of_column), _mm512_cvtepi32_ps(dots[t][c]), sums[t][c]);
      }
    }
    if (!m.has_min) return;
#pragma GCC unroll 2
    for (int t = 0; t < 2; ++t) {
      const __m512 mins = load_scales<kSplit>(views[t].mins, g, m.scale_kind);
#pragma GCC unroll 6
      for (int c = 0; c < kPairColumns; ++c) {
        const float min_sum = m.min_sums[(column + static_cast<std::size_t>(c)) * groups + g];
        sums[t][c] = _mm512_fnmadd_ps(mins, _mm512_set1_ps(min_sum), sums[t][c]);
      }
    }
  }

  void run(std::size_t tile) {
    const std::byte* tiles[2] = {m.tiles + tile * m.tile_bytes, m.tiles + (tile + 1) * m.tile_bytes};
    const TileView views[2] = {view_of(m, tiles[0], 0), view_of(m, tiles[1], 0)};
    const std::size_t blocks = m.cols / kBlock;
    const std::size_t block_share = m.tile_bytes / blocks;
    const bool from_memory = column == 0;
#pragma GCC unroll 2
    for (int t = 0; t < 2; ++t) {
#pragma GCC unroll 6
      for (int c = 0; c < kPairColumns; ++c) sums[t][c] = _mm512_setzero_ps();
    }
    for (std::size_t b = 0; b < blocks; ++b) {
      if (from_memory) {
        fetch_ahead<kBits>(tiles[0] + b * block_share);
        fetch_ahead<kBits>(tiles[1] + b * block_share);
      }
      const std::byte* const codes[2] = {views[0].codes + b * block_bytes(kBits),
                                         views[1].codes + b * block_bytes(kBits)};
      if constexpr (kSplit) {
        add_group<0, kDwords / 2>(views, codes, b, 2 * b);
        add_group<4, kDwords / 2>(views, codes, b, 2 * b + 1);
      } else {
        add_group<0, kDwords>(views, codes, b, b);
      }
    }
#pragma GCC unroll 2
    for (std::size_t t = 0; t < 2; ++t) {
      const std::size_t row = (tile + t) * kTileRows;
      const std::size_t left = m.rows - row;
      const auto mask = static_cast<__mmask16>(left >= kTileRows ? 0xFFFFU : (1U << left) - 1U);
#pragma GCC unroll 6
      for (int c = 0; c < kPairColumns; ++c) {
        _mm512_mask_storeu_ps(m.y + (column + static_cast<std::size_t>(c)) * m.y_stride + row, mask,
                              sums[t][c]);
      }
    }
  }
};

template <int kBits, bool kSplit, bool kTable>
void pairs_product(const IntegerMatmul& m, std::size_t first, std::size_t last, std::size_t column) {
  const __m512i table =
      kTable ? _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(m.values)))
             : _mm512_setzero_si512();
  PairProduct<kBits, kSplit, kTable> product{m, column, table, {}};
  std::size_t tile = first;
  for (; tile + 2 <= last; tile += 2) product.run(tile);
  if (tile < last) tile_product<kBits, kSplit, kPairColumns>(m, tile, column);
}

using TilesProduct = void (*)(const IntegerMatmul&, std::size_t, std::size_t, std::size_t);

// By number of columns.
template <int kBits, bool kSplit>
constexpr TilesProduct kProducts[kMaxColumns + 1] = {
    nullptr,
    tiles_product<kBits, kSplit, 1>,
    tiles_product<kBits, kSplit, 2>,
    tiles_product<kBits, kSplit, 3>,
    tiles_product<kBits, kSplit, 4>,
    tiles_product<kBits, kSplit, 5>,
    tiles_product<kBits, kSplit, 6>,
    tiles_product<kBits, kSplit, 7>,
    tiles_product<kBits, kSplit, 8>,
    tiles_product<kBits, kSplit, 9>,
    tiles_product<kBits, kSplit, 10>,
    tiles_product<kBits, kSplit, 11>,
    tiles_product<kBits, kSplit, 12>,
    tiles_product<kBits, kSplit, 13>,
    tiles_product<kBits, kSplit, 14>,
    tiles_product<kBits, kSplit, 15>,
    tiles_product<kBits, kSplit, 16>,
};

// Tiles whose bytes stay in the second-level cache while all columns pass; the activations of 6 columns stay
// in the first while the band's tiles pass.
constexpr std::size_t kBandBytes = 256 * 1024;

template <int kBits, bool kSplit>
void matmul(const IntegerMatmul& m) {
  constexpr std::size_t kColumns = kSplit ? kMaxSplitColumns : kMaxColumns;
  if (m.n <= kColumns) return kProducts<kBits, kSplit>[m.n](m, 0, m.tile_count, 0);
  TilesProduct pairs = pairs_product<kBits, kSplit, false>;
  if constexpr (kBits <= 4) {
    if (m.values != nullptr) pairs = pairs_product<kBits, kSplit, true>;
  }
  const std::size_t fitting = kBandBytes / (m.tile_bytes == 0 ? 1 : m.tile_bytes) / 2 * 2;
  const std::size_t tiles = fitting == 0 ? 2 : fitting;
  for (std::size_t first = 0; first < m.tile_count; first += tiles) {
    const std::size_t last = m.tile_count - first < tiles ? m.tile_count : first + tiles;
    std::size_t column = 0;
    for (; column + kPairColumns <= m.n; column += kPairColumns) pairs(m, first, last, column);
    if (column < m.n) kProducts<kBits, kSplit>[m.n - column](m, first, last, column);
  }
}

template <int kBits>
void matmul_bits(const IntegerMatmul& m) {
  if (m.group == kBlock) {
    matmul<kBits, false>(m);
  } else {
    matmul<kBits, true>(m);
  }
}

void matmul_integer(const IntegerMatmul& m) noexcept {
  switch (m.code_bits) {
    case 2:
      return matmul_bits<2>(m);
    case 3:
      return matmul_bits<3>(m);
    case 4:
      return matmul_bits<4>(m);
    case 5:
      return matmul_bits<5>(m);
    case 6:
      return matmul_bits<6>(m);
    default:
      return matmul_bits<8>(m);
  }
}

}  // namespace

constinit const KernelTable kAvx512VnniKernels = {
    .matmul_integer = matmul_integer,
};

}  // namespace mote::kernels
