// Integer products with the dot products of Armv8.2-A (SDOT): 4 elements of 4 rows with 4 of a column, which
// are a lane of its register.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa_tables.h"

namespace mote::kernels {
namespace {

template <int kColumns>
struct QuadDots {
  int32x4_t sums[kColumns];
};
template <int kColumns>
constexpr int kQuads = kColumns == 1 ? 4 : 2;

template <bool, int kColumns>
void add16(QuadDots<kColumns>& dots, const int8x16_t (&values)[4], const int8x16_t (&x)[kColumns]) {
#pragma GCC unroll 4
  for (int c = 0; c < kColumns; ++c) {
    int32x4_t sum = vdotq_laneq_s32(dots.sums[c], values[0], x[c], 0);
    sum = vdotq_laneq_s32(sum, values[1], x[c], 1);
    sum = vdotq_laneq_s32(sum, values[2], x[c], 2);
    dots.sums[c] = vdotq_laneq_s32(sum, values[3], x[c], 3);
  }
}
template <int kColumns>
int32x4_t total(const QuadDots<kColumns>& dots, int c) {
  return dots.sums[c];
}

}  // namespace
}  // namespace mote::kernels

#include "kernels/arm/integer.inc"

namespace mote::kernels {

constinit const KernelTable kDotprodKernels = {
    .matmul_u4 = matmul_u4,
    .matmul_u8 = matmul_u8,
};

}  // namespace mote::kernels
