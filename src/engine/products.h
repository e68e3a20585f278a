// Products of matrices with activations, spread over the threads in pieces of row tiles. A region may hold
// several matrices (q, k and v; the experts of a block), each with an input of its own. The result of a row
// depends neither on the pieces nor on the threads nor on its neighbours.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>

#include "engine/runtime.h"
#include "engine/weights.h"
#include "kernels/linear.h"
#include "model/spec.h"
#include "tensor/aligned_buffer.h"

namespace mote::engine {

struct Product {
  const Linear* linear = nullptr;
  const kernels::Activations* input = nullptr;
  float* out = nullptr;  // [input->n][stride]
  std::size_t stride = 0;
};

// out = f(gate) * up, or f(up) where the network has no gate; biases included.
struct GatedProduct {
  const Network* network = nullptr;
  const kernels::Activations* input = nullptr;
  float* out = nullptr;  // [input->n][stride]
  float* up = nullptr;   // scratch of the same shape
  std::size_t stride = 0;
};

class Products {
 public:
  // Room for any matrix of the model with up to `batch` tokens. Fails (null) where memory is missing.
  static std::unique_ptr<Products> create(Runtime& runtime, const Weights& weights, std::size_t batch);

  void multiply(std::span<const Product> products);
  void multiply_gated(std::span<const GatedProduct> products, model::Activation activation);
  // x[t] += scale * (product + bias), each thread for the rows that it has just computed; x as `out`, y is
  // scratch of the same shape.
  void add_product(const Product& product, float* y, float scale);

 private:
  explicit Products(Runtime& runtime) : runtime_(&runtime), kernels_(&runtime.kernels()) {}
  // work(worker, first tile, last tile) over all `tiles`; n: most tokens of a product.
  template <typename F>
  void over_tiles(std::size_t tiles, std::size_t n, const F& work);
  void matmul(const Linear& linear, const kernels::Activations& input, float* out, std::size_t stride,
              std::size_t begin, std::size_t end, unsigned worker);

  Runtime* runtime_;
  const kernels::KernelTable* kernels_;
  AlignedBuffer scratch_;
  std::size_t scratch_bytes_ = 0;  // per worker
};

}  // namespace mote::engine
