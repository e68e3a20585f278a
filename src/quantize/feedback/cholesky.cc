#include "quantize/feedback/cholesky.h"

#include <algorithm>
#include <cmath>

namespace mote::quantize {

bool factor_cholesky(sys::ThreadPool& pool, const FeedbackKernels& kernels, std::span<double> a,
                     std::size_t n) {
  // Columns factored together: 64 rows of 1,500 doubles stay in a second-level cache.
  constexpr std::size_t kColumns = 64;
  constexpr std::size_t kRows = 16;  // claimed by a thread at a time
  double* const m = a.data();
  // Every entry is its own value less one dot product over all columns before, whatever the blocking.
  const auto reduced = [&](std::size_t i, std::size_t j) {
    return m[i * n + j] - kernels.dot(m + i * n, m + j * n, j);
  };
  for (std::size_t first = 0; first < n; first += kColumns) {
    const std::size_t last = std::min(n, first + kColumns);
    for (std::size_t i = first; i < last; ++i) {
      for (std::size_t j = first; j < i; ++j) m[i * n + j] = reduced(i, j) / m[j * n + j];
      const double pivot = reduced(i, i);
      if (!(pivot > 0.0)) return false;
      m[i * n + i] = std::sqrt(pivot);
    }
    pool.parallel_for(n - last, kRows, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = last + begin; i < last + end; ++i) {
        for (std::size_t j = first; j < last; ++j) m[i * n + j] = reduced(i, j) / m[j * n + j];
      }
    });
  }
  return true;
}

}  // namespace mote::quantize
