// RowOps for AVX-512 F, BW, VL and DQ.
#include <immintrin.h>

#include "engine/row_ops.h"

#define MOTE_NATIVE_BYTES 64
#define MOTE_ROWS 8

namespace mote::engine {
namespace {

using Native = float __attribute__((vector_size(64)));

inline Native fused(Native a, Native b, Native c) { return _mm512_fmadd_ps(a, b, c); }

inline void halves_to_floats(const std::uint16_t* in, float* out) {
  _mm512_storeu_ps(out, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(in))));
}

inline void floats_to_halves(const float* in, std::uint16_t* out) {
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(out),
                      _mm512_cvtps_ph(_mm512_loadu_ps(in), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

#include "engine/row_ops.inc"

}  // namespace

const RowOps kRowOpsAvx512 = kTable;

}  // namespace mote::engine
