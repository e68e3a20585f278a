// One table of typed function pointers per instruction set. reference/ fills every entry and is the oracle of the
// others; each set overlays the entries it improves, in rising order. Dispatch happens once per tile, never inside
// a loop. Files compiled with ISA flags include only this header, <immintrin.h> or <arm_neon.h>, <cstdint> and
// <cstddef>: an inline function compiled with AVX-512 may be the copy that the linker keeps.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mote::kernels {

enum class Isa : std::uint8_t { reference, avx2, avxvnni, avx512, avx512vnni, amx, neon, dotprod, i8mm };

// Filled in by the kernels module: see kernel_entries.h for the entries and their contracts.
struct KernelTable;

}  // namespace mote::kernels
