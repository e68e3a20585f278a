// A mixture of experts in place of a block's feed-forward network.
//
// Tokens are gathered by expert, so that an expert's weights are read once for all tokens that chose it. A
// token's result depends on itself alone: rows of a product do not depend on their neighbours, and the
// contributions are added in the order of the token's own ranking. Source: Shazeer et al., "Outrageously
// Large Neural Networks", 2017; Jiang et al., "Mixtral of Experts", 2024.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/block_input.h"
#include "engine/products.h"
#include "engine/runtime.h"
#include "engine/weights.h"
#include "model/spec.h"
#include "tensor/aligned_buffer.h"

namespace mote::engine {

// The `used` largest of `logits`, most likely first (the lower index among equals), with their softmax over
// all of them, divided by the sum of those taken where `normalize`. A NaN among them makes
// all weights NaN. `logits` are overwritten.
void choose_experts(std::span<float> logits, bool normalize, std::span<std::uint32_t> chosen,
                    std::span<float> weights);

class Experts {
 public:
  // Fails (null) where memory is missing.
  static std::unique_ptr<Experts> create(Runtime& runtime, const model::ModelSpec& spec, Products& products,
                                         std::size_t batch);
  // Bytes that create() takes; nothing on overflow.
  static std::optional<std::uint64_t> scratch_bytes(const model::ModelSpec& spec, std::size_t batch);

  // y [input.n][width]: the weighted sum of each token's experts, and of the shared one. `input` is quantized
  // where a matrix of the block wants that. `tap`, where not empty, is shown what comes up inside; `layer` is
  // for it alone.
  void run(const BlockWeights& block, std::size_t layer, const kernels::Activations& input, float* y,
           const Tap& tap);

 private:
  Experts(Runtime& runtime, const model::ModelSpec& spec, Products& products)
      : runtime_(&runtime), spec_(&spec), products_(&products), kernels_(&runtime.kernels()) {}
  void route(const BlockWeights& block, const kernels::Activations& input);
  void assign_slots(std::size_t n);
  void gather(const BlockWeights& block, const kernels::Activations& input);
  void quantize(const float* values, std::size_t cols, std::size_t rows, bool wanted);
  void run_shared(const BlockWeights& block, std::size_t layer, const kernels::Activations& input,
                  const Tap& tap);
  void combine(const BlockWeights& block, std::size_t n, float* y);
  [[nodiscard]] kernels::Activations rows_of(const kernels::Activations& a, std::size_t first,
                                             std::size_t count) const;

  Runtime* runtime_;
  const model::ModelSpec* spec_;
  Products* products_;
  const kernels::KernelTable* kernels_;
  AlignedBuffer buffer_;
  // A slot is a row of the gathered arrays: one token at one of its experts, ordered by expert.
  float* logits_ = nullptr;         // [batch][experts]
  float* weights_ = nullptr;        // [batch][used]
  float* input_rows_ = nullptr;     // [slots][width]
  float* gate_ = nullptr;           // [slots][hidden]
  float* up_ = nullptr;             // [slots][hidden]
  float* out_ = nullptr;            // [slots][width]
  float* shared_gate_ = nullptr;    // [batch][shared hidden]
  float* shared_up_ = nullptr;      // [batch][shared hidden]
  float* shared_out_ = nullptr;     // [batch][width]
  float* shared_weight_ = nullptr;  // [batch]: logits of the shared expert's gate
  std::byte* codes_ = nullptr;      // quantized form of the gathered input, then of the hidden states
  kernels::Activations gathered_;
  std::vector<std::uint32_t> chosen_;         // [batch][used]
  std::vector<std::uint32_t> slot_;           // [batch][used]
  std::vector<std::uint32_t> first_;          // [experts + 1]: first slot of each expert
  std::vector<std::uint32_t> token_;          // [slots]
  std::vector<kernels::Activations> inputs_;  // of the experts that have tokens
  std::vector<GatedProduct> gated_;
  std::vector<Product> down_;
};

}  // namespace mote::engine
