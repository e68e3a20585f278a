// Integer products with the matrix products of Armv8.6-A (SMMLA): 8 elements of 2 rows with 8 of 2 columns.
// Tiles have 4 elements of a row side by side; two registers exchange halves of pairs to bring 8 together,
// once for all columns: rows 0 and 2, rows 1 and 3. A single or last column goes the way of dotprod.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa_tables.h"
//
#include "kernels/tile_view.inc"
//
#include "kernels/arm/integer.inc"

namespace mote::kernels {
namespace {

struct MatrixDot {
  static constexpr int kMaxColumns = 4;

  template <Codes, int kDwords, int kColumns>
  [[gnu::always_inline]] static void add(const int8x16_t (&values)[kDwords], const std::int8_t* a,
                                         std::size_t cols, int32x4_t (&dots)[kColumns]) {
    constexpr int kPairs = kColumns / 2;
    if constexpr (kPairs > 0) {
      // Per pair of columns: row 0 with both, row 2 with both; the same of rows 1 and 3.
      int32x4_t even[kPairs];
      int32x4_t odd[kPairs];
#pragma GCC unroll 2
      for (int p = 0; p < kPairs; ++p) even[p] = odd[p] = vdupq_n_s32(0);
#pragma GCC unroll 4
      for (int i = 0; i < kDwords; i += 2) {  // 8 elements
        const int32x4_t first = vreinterpretq_s32_s8(values[i]);
        const int32x4_t second = vreinterpretq_s32_s8(values[i + 1]);
        const int8x16_t even_rows = vreinterpretq_s8_s32(vtrn1q_s32(first, second));
        const int8x16_t odd_rows = vreinterpretq_s8_s32(vtrn2q_s32(first, second));
#pragma GCC unroll 2
        for (int p = 0; p < kPairs; ++p) {
          const std::int8_t* x = a + static_cast<std::size_t>(2 * p) * cols + 4 * i;
          const int8x16_t columns = vcombine_s8(vld1_s8(x), vld1_s8(x + cols));
          even[p] = vmmlaq_s32(even[p], even_rows, columns);
          odd[p] = vmmlaq_s32(odd[p], odd_rows, columns);
        }
      }
#pragma GCC unroll 2
      for (int p = 0; p < kPairs; ++p) {
        dots[2 * p] = vaddq_s32(dots[2 * p], vtrn1q_s32(even[p], odd[p]));
        dots[2 * p + 1] = vaddq_s32(dots[2 * p + 1], vtrn2q_s32(even[p], odd[p]));
      }
    }
    if constexpr (kColumns % 2 == 1) {
      int32x4_t other = vdupq_n_s32(0);
      int32x4_t& dot = dots[kColumns - 1];
#pragma GCC unroll 2
      for (int i = 0; i < kDwords; i += 4) {
        const int8x16_t x = vld1q_s8(a + static_cast<std::size_t>(kColumns - 1) * cols + 4 * i);
        dot = vdotq_laneq_s32(dot, values[i], x, 0);
        other = vdotq_laneq_s32(other, values[i + 1], x, 1);
        dot = vdotq_laneq_s32(dot, values[i + 2], x, 2);
        other = vdotq_laneq_s32(other, values[i + 3], x, 3);
      }
      dot = vaddq_s32(dot, other);
    }
  }
};

void matmul_integer(const IntegerMatmul& m) noexcept { matmul_codes<MatrixDot>(m); }

}  // namespace

constinit const KernelTable kI8mmKernels = {
    .matmul_integer = matmul_integer,
};

}  // namespace mote::kernels
