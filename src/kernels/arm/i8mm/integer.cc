// Integer products with the matrix products of Armv8.6-A (SMMLA): 8 elements of 2 rows with 8 of 2 columns. Tiles
// have 4 elements of a row side by side; two registers exchange halves of pairs to bring 8 together, once for
// all columns: rows 0 and 2, rows 1 and 3. A single or last column goes the way of dotprod.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa_tables.h"

namespace mote::kernels {
namespace {

template <int kColumns>
struct QuadDots {
  static constexpr int kPairs = kColumns / 2;
  // Per pair of columns: row 0 with both, row 2 with both; the same of rows 1 and 3.
  int32x4_t even[kPairs == 0 ? 1 : kPairs];
  int32x4_t odd[kPairs == 0 ? 1 : kPairs];
  int32x4_t last;  // the column that has no other
};
template <int kColumns>
constexpr int kQuads = kColumns == 1 ? 4 : 2;

int8x16_t pair_rows(int8x16_t a, int8x16_t b, bool odd) {
  const int32x4_t x = vreinterpretq_s32_s8(a);
  const int32x4_t y = vreinterpretq_s32_s8(b);
  return vreinterpretq_s8_s32(odd ? vtrn2q_s32(x, y) : vtrn1q_s32(x, y));
}

template <bool, int kColumns>
void add16(QuadDots<kColumns>& dots, const int8x16_t (&values)[4], const int8x16_t (&x)[kColumns]) {
  if constexpr (kColumns > 1) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {  // elements 0 to 7, 8 to 15
      const int8x16_t even = pair_rows(values[2 * half], values[2 * half + 1], false);
      const int8x16_t odd = pair_rows(values[2 * half], values[2 * half + 1], true);
#pragma GCC unroll 2
      for (int p = 0; p < kColumns / 2; ++p) {
        const int64x2_t a = vreinterpretq_s64_s8(x[2 * p]);
        const int64x2_t b = vreinterpretq_s64_s8(x[2 * p + 1]);
        const int8x16_t columns = vreinterpretq_s8_s64(half == 0 ? vzip1q_s64(a, b) : vzip2q_s64(a, b));
        dots.even[p] = vmmlaq_s32(dots.even[p], even, columns);
        dots.odd[p] = vmmlaq_s32(dots.odd[p], odd, columns);
      }
    }
  }
  if constexpr (kColumns % 2 == 1) {
    const int8x16_t own = x[kColumns - 1];
    int32x4_t sum = vdotq_laneq_s32(dots.last, values[0], own, 0);
    sum = vdotq_laneq_s32(sum, values[1], own, 1);
    sum = vdotq_laneq_s32(sum, values[2], own, 2);
    dots.last = vdotq_laneq_s32(sum, values[3], own, 3);
  }
}
template <int kColumns>
int32x4_t total(const QuadDots<kColumns>& dots, int c) {
  if (c == kColumns - 1 && kColumns % 2 == 1) return dots.last;
  return c % 2 == 0 ? vtrn1q_s32(dots.even[c / 2], dots.odd[c / 2]) : vtrn2q_s32(dots.even[c / 2], dots.odd[c / 2]);
}

}  // namespace
}  // namespace mote::kernels

#include "kernels/arm/integer.inc"

namespace mote::kernels {

constinit const KernelTable kI8mmKernels = {
    .matmul_u4 = matmul_u4,
    .matmul_u8 = matmul_u8,
};

}  // namespace mote::kernels
