#include "peak.h"

#include <cstdint>
#include <cstring>

namespace mote::bench {

using kernels::Isa;

// Loops are in assembler, since the compiler keeps arrays of registers that they need in memory. Twelve
// chains: more than latency (4 cycles) times throughput (2 a cycle).
namespace {
constexpr std::size_t kChains = 12;
}  // namespace

#define MOTE_TWELVE(op) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12)

#if defined(__x86_64__)

namespace {

#define MOTE_CLOBBERS                                                                                        \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
      "xmm13"
#define MOTE_MADDUBS(n) "vpmaddubsw %%ymm0,%%ymm0,%%ymm13\n vpaddw %%ymm13,%%ymm" #n ",%%ymm" #n "\n"
#define MOTE_DOT_VEX(n) "%{vex%} vpdpbusd %%ymm0,%%ymm0,%%ymm" #n "\n"
#define MOTE_DOT_WIDE(n) "vpdpbusd %%zmm0,%%zmm0,%%zmm" #n "\n"
#define MOTE_FMA(n) "vfmadd231ps %%ymm0,%%ymm0,%%ymm" #n "\n"
#define MOTE_FMA_WIDE(n) "vfmadd231ps %%zmm0,%%zmm0,%%zmm" #n "\n"
#define MOTE_LOOP(op)                                                                      \
  asm volatile("vpxor %%xmm0,%%xmm0,%%xmm0" ::: MOTE_CLOBBERS);                            \
  for (std::size_t i = 0; i < rounds; ++i) asm volatile(MOTE_TWELVE(op)::: MOTE_CLOBBERS); \
  asm volatile("vzeroupper" ::: MOTE_CLOBBERS)

// Sixteen rows of 64 bytes each, four sums: as many as the kernels have. The configuration is that of
// kernels/x86/amx/integer.cc.
double tile_operations(std::size_t rounds) {
  struct {
    std::uint8_t palette = 1;
    std::uint8_t reserved[15] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  static_assert(sizeof config == 64);
  asm volatile("ldtilecfg %0\n tilezero %%tmm6\n tilezero %%tmm7" : : "m"(config));
  for (std::size_t i = 0; i < rounds; ++i) {
    asm volatile(
        "tdpbssd %tmm7,%tmm6,%tmm0\n tdpbssd %tmm7,%tmm6,%tmm1\n"
        "tdpbssd %tmm7,%tmm6,%tmm2\n tdpbssd %tmm7,%tmm6,%tmm3");
  }
  asm volatile("tilerelease");
  return static_cast<double>(rounds) * 4 * 2 * 16 * 16 * 64;
}

bool has_wide_registers(Isa isa) { return isa == Isa::avx512 || isa == Isa::avx512vnni || isa == Isa::amx; }

#define MOTE_READ(load)                                                       \
  for (std::size_t i = 0; i + 256 <= bytes; i += 256) {                       \
    if (ahead) {                                                              \
      asm volatile(                                                           \
          "prefetcht0 8192(%0)\n prefetcht0 8256(%0)\n prefetcht0 8320(%0)\n" \
          "prefetcht0 8384(%0)" ::"r"(data + i));                             \
    }                                                                         \
    asm volatile(load ::"r"(data + i) : MOTE_CLOBBERS);                       \
  }                                                                           \
  asm volatile("vzeroupper" ::: MOTE_CLOBBERS)

}  // namespace

double integer_operations(Isa isa, std::size_t rounds) {
  const auto products = static_cast<double>(rounds * kChains);
  switch (isa) {
    case Isa::avx2:
    case Isa::avx512: {
      MOTE_LOOP(MOTE_MADDUBS);
      return products * 64;
    }
    case Isa::avxvnni: {
      MOTE_LOOP(MOTE_DOT_VEX);
      return products * 64;
    }
    case Isa::avx512vnni: {
      MOTE_LOOP(MOTE_DOT_WIDE);
      return products * 128;
    }
    case Isa::amx:
      return tile_operations(rounds);
    default:
      return 0;
  }
}

double float_operations(Isa isa, std::size_t rounds) {
  const auto products = static_cast<double>(rounds * kChains);
  if (has_wide_registers(isa)) {
    MOTE_LOOP(MOTE_FMA_WIDE);
    return products * 32;
  }
  if (isa == Isa::avx2 || isa == Isa::avxvnni) {
    MOTE_LOOP(MOTE_FMA);
    return products * 16;
  }
  return 0;
}

void read_all(Isa isa, const std::byte* data, std::size_t bytes, bool ahead) {
  if (has_wide_registers(isa)) {
    MOTE_READ(
        "vmovdqu64 (%0),%%zmm1\n vmovdqu64 64(%0),%%zmm2\n vmovdqu64 128(%0),%%zmm3\n"
        "vmovdqu64 192(%0),%%zmm4");
  } else if (isa == Isa::avx2 || isa == Isa::avxvnni) {
    MOTE_READ(
        "vmovdqu (%0),%%ymm1\n vmovdqu 32(%0),%%ymm2\n vmovdqu 64(%0),%%ymm3\n vmovdqu 96(%0),%%ymm4\n"
        "vmovdqu 128(%0),%%ymm5\n vmovdqu 160(%0),%%ymm6\n vmovdqu 192(%0),%%ymm7\n vmovdqu 224(%0),%%ymm8");
  } else {
    MOTE_READ(
        "movdqu (%0),%%xmm1\n movdqu 16(%0),%%xmm2\n movdqu 32(%0),%%xmm3\n movdqu 48(%0),%%xmm4\n"
        "movdqu 64(%0),%%xmm1\n movdqu 80(%0),%%xmm2\n movdqu 96(%0),%%xmm3\n movdqu 112(%0),%%xmm4\n"
        "movdqu 128(%0),%%xmm1\n movdqu 144(%0),%%xmm2\n movdqu 160(%0),%%xmm3\n movdqu 176(%0),%%xmm4\n"
        "movdqu 192(%0),%%xmm1\n movdqu 208(%0),%%xmm2\n movdqu 224(%0),%%xmm3\n movdqu 240(%0),%%xmm4");
  }
}

#elif defined(__aarch64__)

namespace {

#define MOTE_CLOBBERS "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12"
#define MOTE_SMLAL(n) "smlal v" #n ".8h, v0.8b, v0.8b\n"
#define MOTE_SDOT(n) "sdot v" #n ".4s, v0.16b, v0.16b\n"
#define MOTE_SMMLA(n) "smmla v" #n ".4s, v0.16b, v0.16b\n"
#define MOTE_FMLA(n) "fmla v" #n ".4s, v0.4s, v0.4s\n"
#define MOTE_LOOP(op)                                \
  asm volatile("movi v0.16b, #0" ::: MOTE_CLOBBERS); \
  for (std::size_t i = 0; i < rounds; ++i)           \
  asm volatile(".arch armv8.2-a+dotprod+i8mm\n" MOTE_TWELVE(op)::: MOTE_CLOBBERS)

}  // namespace

double integer_operations(Isa isa, std::size_t rounds) {
  const auto products = static_cast<double>(rounds * kChains);
  switch (isa) {
    case Isa::neon: {
      MOTE_LOOP(MOTE_SMLAL);
      return products * 16;
    }
    case Isa::dotprod: {
      MOTE_LOOP(MOTE_SDOT);
      return products * 32;
    }
    case Isa::i8mm: {
      MOTE_LOOP(MOTE_SMMLA);
      return products * 64;
    }
    default:
      return 0;
  }
}

double float_operations(Isa isa, std::size_t rounds) {
  if (isa == Isa::reference) return 0;
  MOTE_LOOP(MOTE_FMLA);
  return static_cast<double>(rounds * kChains) * 8;
}

void read_all(Isa, const std::byte* data, std::size_t bytes, bool ahead) {
  for (std::size_t i = 0; i + 128 <= bytes; i += 128) {
    if (ahead) asm volatile("prfm pldl1keep, [%0, #8192]\n prfm pldl1keep, [%0, #8256]" ::"r"(data + i));
    asm volatile(
        "ldp q1, q2, [%0]\n ldp q3, q4, [%0, #32]\n ldp q5, q6, [%0, #64]\n ldp q7, q8, [%0, #96]" ::"r"(
            data + i)
        : MOTE_CLOBBERS);
  }
}

#else

double integer_operations(Isa, std::size_t) { return 0; }
double float_operations(Isa, std::size_t) { return 0; }
void read_all(Isa, const std::byte* data, std::size_t bytes, bool) {
  for (std::size_t i = 0; i < bytes; i += 64) {
    const volatile std::byte* line = data + i;
    static_cast<void>(*line);
  }
}

#endif

}  // namespace mote::bench
