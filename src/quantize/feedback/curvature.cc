#include "quantize/feedback/curvature.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>
#include <string>

#include "quantize/feedback/cholesky.h"
#include "quantize/quantize.h"

namespace mote::quantize {
namespace {

constexpr ErrorCode kStatisticsSingular{"STATISTICS_SINGULAR", ErrorKind::corrupt_data};

std::vector<std::uint32_t> by_falling_diagonal(std::span<const double> h, std::size_t cols) {
  std::vector<std::uint32_t> order(cols);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(
      order, [&](std::uint32_t a, std::uint32_t b) { return h[a * cols + a] > h[b * cols + b]; });
  return order;
}

// The sweep's k-th column is the (cols - 1 - k)-th of the factor.
void fill_coupling(sys::ThreadPool& pool, Curvature& c) {
  const std::size_t n = c.cols;
  c.coupling.assign(n * n, 0.0F);
  pool.parallel_for(n, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) {
      const double* column = c.upper.data() + (n - 1 - k) * n;
      const double pivot = column[n - 1 - k];
      for (std::size_t i = 0; i < k; ++i)
        c.coupling[k * n + i] = static_cast<float>(column[n - 1 - i] / pivot);
    }
  });
}

bool factor(sys::ThreadPool& pool, const FeedbackKernels& kernels, std::span<const double> h, double added,
            Curvature& c) {
  const std::size_t n = c.cols;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t row = c.order[n - 1 - i];
    for (std::size_t j = 0; j <= i; ++j) c.lower[i * n + j] = h[row * n + c.order[n - 1 - j]];
    c.lower[i * n + i] += added;
  }
  return factor_cholesky(pool, kernels, c.lower, n);
}

Result<Curvature> compute(sys::ThreadPool& pool, const FeedbackKernels& kernels, std::span<const double> h,
                          std::size_t n, double damping) {
  Curvature c;
  c.cols = n;
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i) mean += h[i * n + i];
  mean /= static_cast<double>(n);
  const auto singular = [&](const std::string& why) {
    return Error{kStatisticsSingular,
                 "the second moments of " + std::to_string(n) + " inputs " + why,
                 "calibrate with more text, or use --method search",
                 {},
                 {}};
  };
  if (!std::isfinite(mean)) return singular("are not finite");
  if (mean <= 0) return singular("are all 0");
  c.order = by_falling_diagonal(h, n);
  c.lower.assign(n * n, 0.0);
  double added = damping * mean;
  while (!factor(pool, kernels, h, added, c)) {
    added *= 10;
    if (!(added > 0) || added > mean) return singular("have no factor");
  }
  c.importance.resize(n);
  c.hessian.resize(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    c.importance[i] = static_cast<float>((h[i * n + i] + added) / mean);
    for (std::size_t j = 0; j < n; ++j) {
      c.hessian[i * n + j] = static_cast<float>(h[i * n + j] + (i == j ? added : 0.0));
    }
  }
  c.upper.resize(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) c.upper[j * n + i] = c.lower[i * n + j];
  }
  fill_coupling(pool, c);
  return c;
}

}  // namespace

Result<Curvature> curvature_of(sys::ThreadPool& pool, const FeedbackKernels& kernels,
                               std::span<const double> second_moment, std::size_t cols, double damping) {
  try {
    return compute(pool, kernels, second_moment, cols, damping);
  } catch (const std::bad_alloc&) {
    return Error{
        kOutOfMemory, "no memory for the second moments of " + std::to_string(cols) + " inputs", {}, {}, {}};
  }
}

}  // namespace mote::quantize
