// For tests: inputs that are correlated as those of a model are, and their second moments.
#pragma once

#include <cstddef>
#include <vector>

#include "base/rng.h"

namespace mote::quantize::testing {

inline std::vector<double> random_inputs(std::uint64_t seed, std::size_t tokens, std::size_t cols) {
  Rng rng(seed);
  const std::size_t sources = cols / 3 + 1;  // fewer than inputs: they depend on one another
  std::vector<double> mixing(sources * cols);
  for (double& v : mixing) v = rng.next_normal();
  std::vector<double> out(tokens * cols);
  for (std::size_t t = 0; t < tokens; ++t) {
    std::vector<double> source(sources);
    for (double& v : source) v = rng.next_normal();
    for (std::size_t c = 0; c < cols; ++c) {
      double v = 0.3 * rng.next_normal();
      for (std::size_t s = 0; s < sources; ++s)
        v += source[s] * mixing[s * cols + c] / static_cast<double>(sources);
      out[t * cols + c] = v * (1.0 + static_cast<double>(c % 7));
    }
  }
  return out;
}

// Mean over tokens of a b^T.
inline std::vector<double> moments(const std::vector<double>& a, const std::vector<double>& b,
                                   std::size_t cols) {
  std::vector<double> out(cols * cols, 0.0);
  const std::size_t tokens = a.size() / cols;
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t i = 0; i < cols; ++i) {
      for (std::size_t j = 0; j < cols; ++j) out[i * cols + j] += a[t * cols + i] * b[t * cols + j];
    }
  }
  for (double& v : out) v /= static_cast<double>(tokens);
  return out;
}

// x with a x = b, by elimination with pivots; a is [n][n].
inline std::vector<double> solve(std::vector<double> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t best = k;
    for (std::size_t i = k; i < n; ++i) {
      if (std::abs(a[i * n + k]) > std::abs(a[best * n + k])) best = i;
    }
    for (std::size_t j = 0; j < n; ++j) std::swap(a[k * n + j], a[best * n + j]);
    std::swap(b[k], b[best]);
    for (std::size_t i = k + 1; i < n; ++i) {
      const double f = a[i * n + k] / a[k * n + k];
      for (std::size_t j = k; j < n; ++j) a[i * n + j] -= f * a[k * n + j];
      b[i] -= f * b[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) b[k] -= a[k * n + j] * b[j];
    b[k] /= a[k * n + k];
  }
  return b;
}

}  // namespace mote::quantize::testing
