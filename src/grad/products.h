// Products of float matrices as a backward pass needs them: with the weight, with the weight turned, and of a
// gradient with what the weight multiplied. Sums run in an order that depends on shapes alone, so results are
// the same bits for any number of threads and any instruction set (kernels/kernel_table.h).
#pragma once

#include <cstddef>
#include <functional>

#include "kernels/kernel_table.h"
#include "sys/thread_pool.h"

namespace mote::grad {

// [rows][cols], borrowed. A weight as it is used: one row per output.
struct Matrix {
  const float* values = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
};

// out[t][r] = sum over i of w[r][i] * x[t][i]; x: [n][w.cols], out: [n][w.rows].
void multiply(sys::ThreadPool& pool, const kernels::KernelTable& kernels, const Matrix& w, const float* x,
              std::size_t n, float* out);

// out[t][i] += sum over r of g[t][r] * w[r][i]; g: [n][w.rows], out: [n][w.cols].
void add_turned_product(sys::ThreadPool& pool, const kernels::KernelTable& kernels, const Matrix& w,
                        const float* g, std::size_t n, float* out);

// Takes rows [first, first + count) of a derivative by a weight, [count][cols]; valid during the call, which
// comes from several threads at once, each row in one call.
using TakeRows = std::function<void(std::size_t first, std::size_t count, const float* rows)>;

// Rows of sum over t of g[t][r] * x[t][i]; g: [n][rows], x: [n][cols].
void weight_gradient(sys::ThreadPool& pool, const kernels::KernelTable& kernels, const float* g,
                     std::size_t rows, const float* x, std::size_t cols, std::size_t n, const TakeRows& take);

}  // namespace mote::grad
