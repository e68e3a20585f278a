#include "peak.h"

#include <cstdint>
#include <cstring>

#include "sys/cpu_features.h"

namespace mote::bench {

#if defined(__x86_64__)

namespace {

constexpr std::size_t kChains = 12;  // more than latency (4) times throughput (2 a cycle)

// In assembler, since the compiler keeps arrays of registers that such loops need in memory.
#define MOTE_TWELVE(op)                                                                     \
  op " %%zmm0,%%zmm0,%%zmm1\n" op " %%zmm0,%%zmm0,%%zmm2\n" op " %%zmm0,%%zmm0,%%zmm3\n" op \
     " %%zmm0,%%zmm0,%%zmm4\n" op " %%zmm0,%%zmm0,%%zmm5\n" op " %%zmm0,%%zmm0,%%zmm6\n" op \
     " %%zmm0,%%zmm0,%%zmm7\n" op " %%zmm0,%%zmm0,%%zmm8\n" op " %%zmm0,%%zmm0,%%zmm9\n" op \
     " %%zmm0,%%zmm0,%%zmm10\n" op " %%zmm0,%%zmm0,%%zmm11\n" op " %%zmm0,%%zmm0,%%zmm12\n"
#define MOTE_CLOBBERS \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12"

void clear() { asm volatile("vpxor %%xmm0,%%xmm0,%%xmm0" ::: MOTE_CLOBBERS); }
void integer_loop(std::size_t rounds) {
  clear();
  for (std::size_t i = 0; i < rounds; ++i) asm volatile(MOTE_TWELVE("vpdpbusd")::: MOTE_CLOBBERS);
  asm volatile("vzeroupper");
}

void float_loop(std::size_t rounds) {
  clear();
  for (std::size_t i = 0; i < rounds; ++i) asm volatile(MOTE_TWELVE("vfmadd231ps")::: MOTE_CLOBBERS);
  asm volatile("vzeroupper");
}

#undef MOTE_TWELVE
#undef MOTE_CLOBBERS

}  // namespace

double integer_operations(std::size_t rounds) {
  static const bool kHas = sys::detect_cpu_features().avx512_vnni;
  if (!kHas) return 0;
  integer_loop(rounds);
  return static_cast<double>(rounds * kChains * 128);
}

double float_operations(std::size_t rounds) {
  static const bool kHas = sys::detect_cpu_features().avx512;
  if (!kHas) return 0;
  float_loop(rounds);
  return static_cast<double>(rounds * kChains * 32);
}

#else

double integer_operations(std::size_t) { return 0; }
double float_operations(std::size_t) { return 0; }

#endif

std::size_t read_all(const std::byte* data, std::size_t bytes) {
  std::uint64_t sums[8] = {};
  for (std::size_t i = 0; i + 64 <= bytes; i += 64) {
    std::uint64_t words[8];
    std::memcpy(words, data + i, sizeof words);
    for (std::size_t k = 0; k < 8; ++k) sums[k] |= words[k];
  }
  std::uint64_t all = 0;
  for (const std::uint64_t s : sums) all |= s;
  return static_cast<std::size_t>(all);
}

}  // namespace mote::bench
