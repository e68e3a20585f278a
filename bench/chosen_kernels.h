// The kernels that the benchmarks run: the best of this processor, or those that MOTE_ISA names.
#pragma once

#include <string_view>

#include "kernels/kernel_table.h"
#include "mote/isa.h"
#include "sys/cpu_features.h"

namespace mote::bench {

// Ends the program with a sentence where MOTE_ISA names a set that is not there.
const kernels::KernelTable& table();
const sys::CpuFeatures& features();
// Whose implementation serves an entry of the table, as "matmul_integer".
kernels::Isa isa_of(std::string_view entry);

}  // namespace mote::bench
