// The plain kernels: every entry of the table, and the oracle of the others. Written as the contracts read,
// one element at a time, with no regard to speed.
#pragma once

#include "kernels/kernel_table.h"

namespace mote::kernels {

extern const KernelTable kReferenceKernels;

}  // namespace mote::kernels
