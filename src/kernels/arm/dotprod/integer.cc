// Integer products with the dot products of Armv8.2-A (SDOT): 4 elements of 4 rows with 4 of a column, which
// are a lane of its register.
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

struct LaneDot {
  static constexpr int kMaxColumns = 4;

  template <Codes, int kDwords, int kColumns>
  [[gnu::always_inline]] static void add(const int8x16_t (&values)[kDwords], const std::int8_t* a,
                                         std::size_t cols, int32x4_t (&dots)[kColumns]) {
    int32x4_t others[kColumns];  // a single column gets two chains: cores that run in order wait for each
#pragma GCC unroll 4
    for (int32x4_t& other : others) other = vdupq_n_s32(0);
#pragma GCC unroll 2
    for (int i = 0; i < kDwords; i += 4) {
      int8x16_t x[kColumns];
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) x[c] = vld1q_s8(a + static_cast<std::size_t>(c) * cols + 4 * i);
      int32x4_t(&second)[kColumns] = kColumns == 1 ? others : dots;
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) dots[c] = vdotq_laneq_s32(dots[c], values[i], x[c], 0);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) second[c] = vdotq_laneq_s32(second[c], values[i + 1], x[c], 1);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) dots[c] = vdotq_laneq_s32(dots[c], values[i + 2], x[c], 2);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) second[c] = vdotq_laneq_s32(second[c], values[i + 3], x[c], 3);
    }
    if constexpr (kColumns == 1) dots[0] = vaddq_s32(dots[0], others[0]);
  }
};

void matmul_integer(const IntegerMatmul& m) noexcept { matmul_codes<LaneDot>(m); }

}  // namespace

constinit const KernelTable kDotprodKernels = {
    .matmul_integer = matmul_integer,
};

}  // namespace mote::kernels
