// AVX2 with FMA and F16C: every entry but the KV writers.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa_tables.h"
//
#include "kernels/tile_view.inc"
//
#include "kernels/x86/quarter.inc"
//
#include "kernels/x86/avx2/vector.inc"
//
#include "kernels/simd/elementwise.inc"
//
#include "kernels/simd/float_matmul.inc"
//
#include "kernels/x86/fetch_ahead.inc"
#include "kernels/x86/half_tile.inc"
//
#include "kernels/x86/avx2/integer.inc"

namespace mote::kernels {

constinit const KernelTable kAvx2Kernels = {
    .quantize_row = quantize_row,
    .matmul_integer = matmul_integer,
#include "kernels/simd/float_entries.inc"
};

}  // namespace mote::kernels
