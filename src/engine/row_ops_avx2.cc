// RowOps for AVX2 with FMA and F16C.
#include <immintrin.h>

#include "engine/row_ops.h"

#define MOTE_NATIVE_BYTES 32
#define MOTE_ROWS 4

namespace mote::engine {
namespace {

using Native = float __attribute__((vector_size(32)));

inline Native fused(Native a, Native b, Native c) { return _mm256_fmadd_ps(a, b, c); }

inline void halves_to_floats(const std::uint16_t* in, float* out) {
  for (std::size_t i = 0; i < 16; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(in + i))));
  }
}

inline void floats_to_halves(const float* in, std::uint16_t* out) {
  for (std::size_t i = 0; i < 16; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i_u*>(out + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
}

#include "engine/row_ops.inc"

}  // namespace

const RowOps kRowOpsAvx2 = kTable;

}  // namespace mote::engine
