// The fragments that ISA files export: entries that they improve, null elsewhere. Constant-initialised, since
// an initialiser would run new instructions before main on an old processor.
#pragma once

#include "kernels/kernel_table.h"

namespace mote::kernels {

#if defined(MOTE_KERNELS_X86)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvxVnniKernels;
extern const KernelTable kAvxVnniEvexKernels;  // in the tests only
extern const KernelTable kAvx512Kernels;
extern const KernelTable kAvx512VnniKernels;
extern const KernelTable kAmxKernels;
extern const KernelTable kAmxEmulatedKernels;  // in the tests only
#elif defined(MOTE_KERNELS_ARM)
extern const KernelTable kNeonKernels;
extern const KernelTable kDotprodKernels;
extern const KernelTable kI8mmKernels;
#endif

}  // namespace mote::kernels
