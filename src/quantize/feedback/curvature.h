// What the inputs of a matrix say about its columns: how much an error in one costs, and how an error in one
// is best answered by the columns after it.
//
// Source: Frantar et al., "GPTQ", 2022; the form without an inverse is that of "QuIP" (Chee et al., 2023),
// which proves both the same. With the second moment H = R R^T, R upper triangular in the order of the sweep,
// a column k becomes Q(w_k + sum over i < k of (w_i - q_i) R_ik / R_kk).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mote/result.h"
#include "quantize/feedback/feedback_kernels.h"
#include "sys/thread_pool.h"

namespace mote::quantize {

struct Curvature {
  std::size_t cols = 0;
  std::vector<float> importance;     // second moments of the inputs over their mean
  std::vector<float> hessian;        // [cols][cols]: with damping
  std::vector<std::uint32_t> order;  // columns as they are swept: by falling second moment
  std::vector<float> coupling;       // [cols][cols]: as Sweep wants it
  // Of the hessian in reversed order of the sweep: L [cols][cols] in the lower triangle, and L transposed.
  std::vector<double> lower;
  std::vector<double> upper;
};

// second_moment: [cols][cols], the mean over tokens of x x^T. `damping` times the mean of the diagonal is
// added to it, and ten times as much where that does not do, up to the mean itself. Inputs that are always 0
// cost what the damping says. Errors: OUT_OF_MEMORY, STATISTICS_SINGULAR.
Result<Curvature> curvature_of(sys::ThreadPool& pool, const FeedbackKernels& kernels,
                               std::span<const double> second_moment, std::size_t cols, double damping);

}  // namespace mote::quantize
