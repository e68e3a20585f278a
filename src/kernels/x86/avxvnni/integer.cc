// Integer products with AVX-VNNI: the dot products of 512-bit VNNI in 256-bit registers, which processors
// without AVX-512 have (Intel from Alder Lake on, N100 among them). Codes stay unsigned, sums start from the
// correction. With MOTE_EVEX the same in the encoding of AVX-512 VL, so that the tests can run it where only
// that one exists.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa_tables.h"
//
#include "kernels/tile_view.inc"
//
#include "kernels/x86/fetch_ahead.inc"
#include "kernels/x86/half_tile.inc"

namespace mote::kernels {
namespace {

__m256i dot4(__m256i sums, __m256i codes, __m256i x) {
#if defined(MOTE_EVEX)
  return _mm256_dpbusd_epi32(sums, codes, x);
#else
  return _mm256_dpbusd_avx_epi32(sums, codes, x);
#endif
}

struct QuadDot {
  template <Range>
  static constexpr bool kIsSigned = false;

  template <int kBits, Range, bool kTable, int kColumns, std::size_t kFirst, std::size_t kLast>
  [[gnu::always_inline]] static void add(const std::byte* block, const std::int8_t* a, std::size_t cols,
                                         __m256i table, __m256i (&dots)[kColumns]) {
    __m256i others[kColumns];  // two chains hide the latency
    for (__m256i& other : others) other = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (std::size_t i = kFirst; i < kLast; i += 2) {
      const __m256i even = load_values<kBits, kTable>(block, i, table);
      const __m256i odd = load_values<kBits, kTable>(block, i + 1, table);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) {
        const std::int8_t* x = a + static_cast<std::size_t>(c) * cols;
        dots[c] = dot4(dots[c], even, load_dword(x + 4 * i));
        others[c] = dot4(others[c], odd, load_dword(x + 4 * (i + 1)));
      }
    }
    for (int c = 0; c < kColumns; ++c) dots[c] = _mm256_add_epi32(dots[c], others[c]);
  }
};

void matmul_integer(const IntegerMatmul& m) noexcept {
  constexpr Range kAny = Range::eight_bits;
  if (m.code_bits < 8) return matmul_planes<QuadDot, kAny, kAny, kAny>(m);
  matmul<QuadDot, 8, kAny>(m);
}

}  // namespace

#if defined(MOTE_EVEX)
constinit const KernelTable kAvxVnniEvexKernels = {
#else
constinit const KernelTable kAvxVnniKernels = {
#endif
    .matmul_integer = matmul_integer,
};

}  // namespace mote::kernels
