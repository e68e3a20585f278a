// The forward pass: a list of block operations derived from the spec, interpreted for a range of layers with
// hidden states in and out.
//
// Why a list: the same one is what a backward pass, another back end or a stage on another machine
// interprets. Each step is one parallel region (two where it quantizes its input for several tokens); for one
// token the small steps run on the calling thread, which leaves five regions a layer. Nothing is allocated
// after create().
//
// Steps of a block:
//   normalize_attention, project_qkv, store_kv (biases, q/k norm, rope), attend, add_attention,
//   normalize_ffn, project_gate, add_ffn
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/attention.h"
#include "engine/kv_cache.h"
#include "engine/rope.h"
#include "engine/runtime.h"
#include "engine/weights.h"
#include "model/spec.h"
#include "mote/tokenizer.h"
#include "tensor/aligned_buffer.h"

namespace mote::engine {

enum class Step : std::uint8_t {
  normalize_attention,
  project_qkv,
  store_kv,
  attend,
  add_attention,
  normalize_ffn,
  project_gate,
  add_ffn,
};

// The steps of one block, in order. All architectures so far share one list; the spec's flags (biases, q/k
// norm, rope) are read inside the steps.
std::vector<Step> block_steps(const model::ModelSpec& spec);

class Forward {
 public:
  // `batch`: most tokens of one call; `context`: most positions. Fails (null) where memory is missing.
  static std::unique_ptr<Forward> create(Runtime& runtime, const model::ModelSpec& spec,
                                         const Weights& weights, std::size_t batch, std::size_t context);
  // Bytes that create() takes besides the cache; nothing on overflow.
  static std::optional<std::uint64_t> scratch_bytes(const model::ModelSpec& spec, std::size_t batch,
                                                    std::size_t context, unsigned threads);

  // Hidden states [tokens.size()][width] of the tokens, before the first block. Ids are valid, at most
  // `batch`.
  void embed(std::span<const TokenId> tokens);
  // Blocks [first_layer, last_layer) on the hidden states of n tokens at positions `first` and up; their keys
  // and values go to the cache.
  void run(std::size_t first_layer, std::size_t last_layer, std::size_t n, std::size_t first, KvCache& cache);
  // Hidden states, [batch][width], in and out of run().
  [[nodiscard]] std::span<float> hidden() { return {x_, batch_ * width_}; }
  // Logits [count][vocab] of hidden states [first_row, first_row + count); count at most batch.
  void logits(std::size_t first_row, std::size_t count, float* out);

 private:
  struct Product {  // one matrix of a parallel region
    const Linear* linear;
    float* out;
    std::size_t stride;
  };

  Forward(Runtime& runtime, const model::ModelSpec& spec, const Weights& weights, std::size_t batch);
  void run_step(Step step, const BlockWeights& block, std::size_t layer, std::size_t n, std::size_t first,
                KvCache& cache);
  // Rows of x normalized to h_, and quantized where a consumer needs it.
  void normalize(const float* x, const std::vector<float>& weight, std::size_t n, bool quantize);
  void quantize(const float* values, std::size_t cols, std::size_t n, bool wanted);
  void set_input(const float* values, std::size_t cols, std::size_t n);
  void multiply(std::span<const Product> products, std::size_t n);
  void store_kv(const BlockWeights& block, std::size_t layer, std::size_t n, std::size_t first,
                KvCache& cache);
  void gate(const BlockWeights& block, std::size_t n);
  void add_product(const Linear& linear, std::size_t n);
  template <typename F>
  void over_tokens(std::size_t n, const F& work);
  [[nodiscard]] std::byte* matmul_scratch(unsigned worker) {
    return matmul_scratch_.data() + worker * matmul_bytes_;
  }

  Runtime* runtime_;
  const model::ModelSpec* spec_;
  const Weights* weights_;
  const kernels::KernelTable* kernels_;
  Rope rope_;
  std::vector<Step> steps_;
  std::size_t batch_;
  std::size_t width_;
  AlignedBuffer buffer_;
  float* x_ = nullptr;          // [batch][width]: the residual stream
  float* h_ = nullptr;          // [batch][width]: normalized
  float* y_ = nullptr;          // [batch][width]: a product before it is added
  float* q_ = nullptr;          // [batch][q width]
  float* k_ = nullptr;          // [batch][kv width]
  float* v_ = nullptr;          // [batch][kv width]
  float* heads_ = nullptr;      // [batch][q width]: attention's output
  float* gate_ = nullptr;       // [batch][hidden]
  float* up_ = nullptr;         // [batch][hidden]
  float* angles_ = nullptr;     // [batch][2 * rope pairs]
  std::byte* codes_ = nullptr;  // quantized input of the next product
  kernels::Activations input_;
  AlignedBuffer matmul_scratch_;
  std::size_t matmul_bytes_ = 0;  // per worker
  std::unique_ptr<Attention> attention_;
};

}  // namespace mote::engine
