// AVX-512 (F, BW, VL, DQ): float products and element-wise work. Integer products without VNNI are
// those of the sets below.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa_tables.h"
//
#include "kernels/x86/quarter.inc"
//
#include "kernels/x86/avx512/vector.inc"
//
#include "kernels/simd/elementwise.inc"
//
#include "kernels/simd/float_matmul.inc"

namespace mote::kernels {

constinit const KernelTable kAvx512Kernels = {
    .quantize_row = quantize_row,
#include "kernels/simd/float_entries.inc"
};

}  // namespace mote::kernels
