// Cholesky's factor of a symmetric positive definite matrix, the same bits for any number of threads and
// instruction set.
#pragma once

#include <cstddef>
#include <span>

#include "quantize/feedback/feedback_kernels.h"
#include "sys/thread_pool.h"

namespace mote::quantize {

// a: [n][n]; its lower triangle becomes L with a = L L^T, the upper one is left alone. False where a pivot is
// not positive: the matrix is singular to working precision, and `a` is of no use.
bool factor_cholesky(sys::ThreadPool& pool, const FeedbackKernels& kernels, std::span<double> a,
                     std::size_t n);

}  // namespace mote::quantize
