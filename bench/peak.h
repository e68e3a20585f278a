// The most that this core can do, as loops of nothing else: the denominators of every efficiency figure.
#pragma once

#include <cstddef>

#include "mote/isa.h"

namespace mote::bench {

// Runs a loop of independent products of signed or unsigned bytes, as wide as `isa` has them, and returns how
// many operations these were, two per multiply-add; 0 where there is no such loop (reference, another
// processor). The processor has to have `isa`.
//   avx2        vpmaddubsw and the addition of its sums in 16 bits, without which nothing is summed
//   neon        smlal
//   the others  their dot products: vpdpbusd, tdpbssd, sdot, smmla
double integer_operations(kernels::Isa isa, std::size_t rounds);
// The same with fused multiply-adds of f32.
double float_operations(kernels::Isa isa, std::size_t rounds);

// Reads every cache line of `bytes` with the widest loads of `isa`; `ahead`: asks for each 8 KiB before.
void read_all(kernels::Isa isa, const std::byte* data, std::size_t bytes, bool ahead);

}  // namespace mote::bench
