#include "engine/hadamard.h"

namespace mote::engine {

std::size_t hadamard_order(std::size_t dim) { return dim & (~dim + 1); }

void hadamard(float* row, std::size_t dim) {
  const std::size_t order = hadamard_order(dim);
  for (std::size_t half = 1; half < order; half *= 2) {
    // Butterflies of elements `half` apart; runs of 2 * half lie one behind another through all of `row`.
    for (std::size_t first = 0; first < dim; first += 2 * half) {
      for (std::size_t i = first; i < first + half; ++i) {
        const float a = row[i];
        const float b = row[i + half];
        row[i] = a + b;
        row[i + half] = a - b;
      }
    }
  }
}

void hadamard_inverse(float* row, std::size_t dim) {
  hadamard(row, dim);
  // A power of two, so nothing is lost.
  const float inverse = 1.0F / static_cast<float>(hadamard_order(dim));
  for (std::size_t i = 0; i < dim; ++i) row[i] *= inverse;
}

}  // namespace mote::engine
