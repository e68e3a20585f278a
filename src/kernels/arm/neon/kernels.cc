// NEON of Armv8-A: every entry but the KV writers. Integer products add up in 16 bits, two rows to a register
// half, as far as they fit:
//   codes to 15   all 8 of a lane (8 * 15 * 127 = 15,240), and the sum of two lanes
//   codes to 63   4 of them (4 * 63 * 127 = 32,004)
//   else          two (2 * 128 * 127 = 32,512)
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
//
#include "kernels/tile_view.inc"
//
#include "kernels/arm/integer.inc"

namespace mote::kernels {
namespace {

struct PairDot {
  static constexpr int kMaxColumns = 2;
  // Products that one 16-bit sum takes.
  template <Codes kCodes>
  static constexpr int kFitting = kCodes == Codes::narrow     ? 8
                                  : kCodes == Codes::six_bits ? 4
                                                              : 2;

  template <Codes kCodes, int kDwords, int kColumns>
  [[gnu::always_inline]] static void add(const int8x16_t (&values)[kDwords], const std::int8_t* a,
                                         std::size_t cols, int32x4_t (&dots)[kColumns]) {
    constexpr int kRun = kFitting<kCodes> < kDwords ? kFitting<kCodes> : kDwords;
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      const std::int8_t* x = a + static_cast<std::size_t>(c) * cols;
      int32x4_t low = vdupq_n_s32(0);  // rows 0 and 1, two sums each
      int32x4_t high = low;            // rows 2 and 3
#pragma GCC unroll 4
      for (int i = 0; i < kDwords; i += kRun) {
        int16x8_t low16 = vmull_s8(vget_low_s8(values[i]), vget_low_s8(four(x, i)));
        int16x8_t high16 = vmull_high_s8(values[i], four(x, i));
#pragma GCC unroll 8
        for (int k = 1; k < kRun; ++k) {
          const int8x16_t elements = four(x, i + k);
          low16 = vmlal_s8(low16, vget_low_s8(values[i + k]), vget_low_s8(elements));
          high16 = vmlal_high_s8(high16, values[i + k], elements);
        }
        if constexpr (kCodes == Codes::narrow) {  // the only run
          dots[c] = vpadalq_s16(dots[c], vpaddq_s16(low16, high16));
        } else {
          low = vpadalq_s16(low, low16);
          high = vpadalq_s16(high, high16);
        }
      }
      if constexpr (kCodes != Codes::narrow) dots[c] = vaddq_s32(dots[c], vpaddq_s32(low, high));
    }
  }

 private:
  // Dword i of a column, four times.
  [[gnu::always_inline]] static int8x16_t four(const std::int8_t* x, int i) {
    return vreinterpretq_s8_s32(vld1q_dup_s32(reinterpret_cast<const std::int32_t*>(x + 4 * i)));
  }
};

void matmul_integer(const IntegerMatmul& m) noexcept { matmul_codes<PairDot>(m); }

}  // namespace

constinit const KernelTable kNeonKernels = {
    .quantize_row = quantize_row,
    .matmul_integer = matmul_integer,
#include "kernels/simd/float_entries.inc"
};

}  // namespace mote::kernels
