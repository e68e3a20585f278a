// NEON of Armv8-A: every entry but the KV writers. Integer products add pairs of products in 16 bits:
//   codes to 15   4 of them fit (4 * 15 * 127 = 7620)
//   else          two fit (2 * 128 * 127 = 32512)
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa_tables.h"
//
#include "kernels/arm/neon/vector.inc"
//
#include "kernels/simd/elementwise.inc"
//
#include "kernels/simd/float_matmul.inc"

namespace mote::kernels {
namespace {

// Two sums of 32 bits a row: rows 0 and 1 in `low`, 2 and 3 in `high`.
template <int kColumns>
struct QuadDots {
  int32x4_t low[kColumns];
  int32x4_t high[kColumns];
};
template <int kColumns>
constexpr int kQuads = kColumns == 1 ? 2 : 1;

template <bool kNarrow, int kColumns>
void add16(QuadDots<kColumns>& dots, const int8x16_t (&values)[4], const int8x16_t (&x)[kColumns]) {
#pragma GCC unroll 4
  for (int c = 0; c < kColumns; ++c) {
    const int32x4_t dwords = vreinterpretq_s32_s8(x[c]);
    const int8x8_t four[4] = {
        vreinterpret_s8_s32(vdup_laneq_s32(dwords, 0)), vreinterpret_s8_s32(vdup_laneq_s32(dwords, 1)),
        vreinterpret_s8_s32(vdup_laneq_s32(dwords, 2)), vreinterpret_s8_s32(vdup_laneq_s32(dwords, 3))};
    const auto add_half = [&](int32x4_t sums, auto half) {
      int16x8_t products = vmlal_s8(vmull_s8(half(values[0]), four[0]), half(values[1]), four[1]);
      if constexpr (kNarrow) {
        products = vmlal_s8(vmlal_s8(products, half(values[2]), four[2]), half(values[3]), four[3]);
        return vpadalq_s16(sums, products);
      }
      sums = vpadalq_s16(sums, products);
      return vpadalq_s16(sums, vmlal_s8(vmull_s8(half(values[2]), four[2]), half(values[3]), four[3]));
    };
    dots.low[c] = add_half(dots.low[c], [](int8x16_t v) { return vget_low_s8(v); });
    dots.high[c] = add_half(dots.high[c], [](int8x16_t v) { return vget_high_s8(v); });
  }
}
template <int kColumns>
int32x4_t total(const QuadDots<kColumns>& dots, int c) {
  return vpaddq_s32(dots.low[c], dots.high[c]);
}

}  // namespace
}  // namespace mote::kernels

#include "kernels/arm/integer.inc"

namespace mote::kernels {

constinit const KernelTable kNeonKernels = {
    .quantize_row = quantize_row,
    .matmul_u4 = matmul_u4,
    .matmul_u8 = matmul_u8,
#include "kernels/simd/float_entries.inc"
};

}  // namespace mote::kernels
