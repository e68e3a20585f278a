// Instruction sets that a processor may announce and a virtual machine not provide.
#pragma once

#include "kernels/kernel_table.h"

namespace mote::kernels {

// Whether matmul_integer of `table` gives the reference's bits for small matrices of several types and the
// columns of a prompt.
bool multiplies_right(const KernelTable& table);

}  // namespace mote::kernels
