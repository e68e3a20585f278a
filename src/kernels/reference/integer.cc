#include "kernels/reference/integer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/float16.h"
//
#include "kernels/tile_view.inc"
//
#include "kernels/reference/read_tile.inc"

namespace mote::kernels::reference {

namespace {

constexpr std::size_t kSumGroup = 16;

float element_of_product(const IntegerMatmul& m, const std::byte* tile, std::size_t row, std::size_t t) {
  const std::size_t groups = m.cols / m.group;
  const TileView view = view_of(m, tile, 0);
  float acc = 0.0F;
  for (std::size_t g = 0; g < groups; ++g) {
    std::int32_t dot = m.correction[t * groups + g];
    for (std::size_t i = g * m.group; i < (g + 1) * m.group; ++i) {
      std::uint8_t value =
          code_at(view.codes + i / kBlock * block_bytes(m.code_bits), m.code_bits, row, i % kBlock);
      if (m.values != nullptr) value = m.values[value];
      dot += static_cast<std::int32_t>(value) * m.codes[t * m.cols + i];
    }
    const float scale_a = m.scales[t * (m.cols / kBlock) + g * m.group / kBlock];
    acc = std::fmaf(scale_at(m, view.scales, g, row) * scale_a, static_cast<float>(dot), acc);
    if (m.has_min) acc = std::fmaf(-scale_at(m, view.mins, g, row), m.min_sums[t * groups + g], acc);
  }
  return acc;
}

}  // namespace

void quantize_row(const float* x, std::size_t cols, std::int8_t* codes, float* scales,
                  std::int32_t* sums) noexcept {
  for (std::size_t g = 0; g < cols / kBlock; ++g) {
    // Bits of magnitudes compare as the magnitudes do, with infinity and then NaN above all numbers.
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      bits = std::max(bits, std::bit_cast<std::uint32_t>(x[g * kBlock + i]) & 0x7FFFFFFFU);
    }
    const float amax = std::bit_cast<float>(bits);
    const bool is_number = bits < 0x7F800000U;
    const bool is_zero = is_number && amax < 0x1p-100F;  // 127 / amax would overflow for the least of them
    const float inverse = is_number && !is_zero ? 127.0F / amax : 0.0F;
    scales[g] = is_zero ? 0.0F : is_number ? amax / 127.0F : std::numeric_limits<float>::quiet_NaN();
    for (std::size_t i = 0; i < kBlock; ++i) {
      const float scaled = is_number ? x[g * kBlock + i] * inverse : 0.0F;
      codes[g * kBlock + i] = static_cast<std::int8_t>(std::nearbyintf(scaled));
    }
  }
  for (std::size_t s = 0; s < cols / kSumGroup; ++s) {
    sums[s] = 0;
    for (std::size_t i = 0; i < kSumGroup; ++i) sums[s] += codes[s * kSumGroup + i];
  }
}

void matmul_integer(const IntegerMatmul& m) noexcept {
  for (std::size_t tile = 0; tile < m.tile_count; ++tile) {
    for (std::size_t r = 0; r < kTileRows && tile * kTileRows + r < m.rows; ++r) {
      for (std::size_t t = 0; t < m.n; ++t) {
        m.y[t * m.y_stride + tile * kTileRows + r] =
            element_of_product(m, m.tiles + tile * m.tile_bytes, r, t);
      }
    }
  }
}

}  // namespace mote::kernels::reference
