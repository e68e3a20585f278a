#include "grad/products.h"

#include <algorithm>
#include <atomic>
#include <vector>

namespace mote::grad {
namespace {

// Rows of one claim of a thread. Those of gradients are a vector's lanes, so that turning them reads whole
// cache lines.
constexpr std::size_t kRows = 16;
constexpr std::size_t kTokens = 48;
// Terms of a sum that are added before the next rows of the result: the values that they meet stay in the
// second-level cache.
constexpr std::size_t kTerms = 64;

}  // namespace

void multiply(sys::ThreadPool& pool, const kernels::KernelTable& kernels, const Matrix& w, const float* x,
              std::size_t n, float* out) {
  pool.parallel_for(w.rows, 2 * kRows, [&](std::size_t begin, std::size_t end) {
    kernels.matmul_f32({.w = w.values + begin * w.cols,
                        .w_stride = w.cols,
                        .rows = end - begin,
                        .x = x,
                        .x_stride = w.cols,
                        .n = n,
                        .cols = w.cols,
                        .y = out + begin,
                        .y_stride = w.rows});
  });
}

void add_turned_product(sys::ThreadPool& pool, const kernels::KernelTable& kernels, const Matrix& w,
                        const float* g, std::size_t n, float* out) {
  pool.parallel_for(n, kTokens, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = 0; r < w.rows; r += kTerms) {
      kernels.weighted_sum({.weights = g + begin * w.rows + r,
                            .weights_stride = w.rows,
                            .n = end - begin,
                            .values = w.values + r * w.cols,
                            .values_stride = w.cols,
                            .count = std::min(kTerms, w.rows - r),
                            .dim = w.cols,
                            .out = out + begin * w.cols,
                            .out_stride = w.cols});
    }
  });
}

void weight_gradient(sys::ThreadPool& pool, const kernels::KernelTable& kernels, const float* g,
                     std::size_t rows, const float* x, std::size_t cols, std::size_t n,
                     const TakeRows& take) {
  std::vector<float> turned(pool.size() * kRows * n);
  std::vector<float> sums(pool.size() * kRows * cols);
  std::atomic<std::size_t> next{0};
  pool.run([&](unsigned worker, unsigned) {
    float* const of_rows = turned.data() + worker * kRows * n;
    float* const out = sums.data() + worker * kRows * cols;
    for (std::size_t first = next.fetch_add(kRows); first < rows; first = next.fetch_add(kRows)) {
      const std::size_t count = std::min(kRows, rows - first);
      for (std::size_t t = 0; t < n; ++t) {
        for (std::size_t r = 0; r < count; ++r) of_rows[r * n + t] = g[t * rows + first + r];
      }
      std::fill_n(out, count * cols, 0.0F);
      for (std::size_t t = 0; t < n; t += kTerms) {
        kernels.weighted_sum({.weights = of_rows + t,
                              .weights_stride = n,
                              .n = count,
                              .values = x + t * cols,
                              .values_stride = cols,
                              .count = std::min(kTerms, n - t),
                              .dim = cols,
                              .out = out,
                              .out_stride = cols});
      }
      take(first, count, out);
    }
  });
}

}  // namespace mote::grad
