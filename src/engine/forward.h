// The forward pass: a list of block operations derived from the spec, interpreted for a range of layers with
// hidden states in and out.
//
// Why a list: the same one is what a backward pass, another back end or a stage on another machine
// interprets. Each step is one parallel region (two where it quantizes its input for several tokens); for one
// token the small steps run on the calling thread, which leaves five regions a layer. Nothing is allocated
// after create().
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/attention.h"
#include "engine/block_input.h"
#include "engine/experts.h"
#include "engine/kv_cache.h"
#include "engine/products.h"
#include "engine/rope.h"
#include "engine/runtime.h"
#include "engine/slice.h"
#include "engine/weights.h"
#include "model/spec.h"
#include "mote/tokenizer.h"
#include "tensor/aligned_buffer.h"

namespace mote::engine {

// x: the residual stream, h: its normalized form, y: a contribution before it is added.
enum class Step : std::uint8_t {
  normalize_attention,      // h = norm(x), the input of q, k and v
  take_attention,           // x itself is that input
  project_qkv,              //
  store_kv,                 // biases, q/k norm, rope; keys and values to the cache
  attend,                   //
  add_attention,            // x += scale * output projection
  project_attention,        // y = output projection
  add_attention_norm,       // x += scale * norm(y)
  normalize_attention_sum,  // x = norm(x)
  normalize_ffn,            // h = norm(x), the input of the feed-forward network
  take_ffn,                 // x itself is that input
  retake_normalized,        // h, as attention had it
  project_gate,             // f(gate) * up
  add_ffn,                  // x += scale * down projection
  project_ffn,              // y = down projection
  mix_experts,              // y = a mixture of experts
  add_output,               // x += scale * y
  add_ffn_norm,             // x += scale * norm(y)
  normalize_ffn_sum,        // x = norm(x)
};

// The steps of one block, in order. What differs from block to block (windows, rope) and flags such as biases
// are read inside the steps.
std::vector<Step> block_steps(const model::ModelSpec& spec);

class Forward {
 public:
  // `batch`: most tokens of one call; `context`: most positions. Fails (null) where memory is missing.
  static std::unique_ptr<Forward> create(Runtime& runtime, const model::ModelSpec& spec,
                                         const Weights& weights, std::size_t batch, std::size_t context);
  // Bytes that create() takes besides the cache; nothing on overflow.
  static std::optional<std::uint64_t> scratch_bytes(const model::ModelSpec& spec, std::size_t batch,
                                                    std::size_t context, unsigned threads);

  // Hidden states [tokens.size()][width] of the slices' tokens before the first block. Ids are valid, as many
  // as the slices say, 1 to `batch`.
  void embed(std::span<const TokenId> tokens, std::span<const Slice> slices);
  // Blocks [first_layer, last_layer) on the hidden states of the slices' tokens.
  void run(std::size_t first_layer, std::size_t last_layer, std::span<const Slice> slices);
  // One block in parts: up to where an input is ready, and, after that, from there to the end. `input` is
  // ffn_down or before it, and not ffn_down where the block is a mixture of experts.
  void run_to(std::size_t layer, BlockInput input, std::span<const Slice> slices);
  void run_from(std::size_t layer, BlockInput input, std::span<const Slice> slices);
  // After run_to(): that input, [tokens][cols].
  [[nodiscard]] std::span<const float> input() const { return {input_.values, input_.n * input_.cols}; }
  // From now on shows all inputs of the blocks that run; nothing where `tap` is empty. Inputs of matrices
  // that take codes only are not kept as floats and not right: load the model with exact activations.
  void set_tap(Tap tap) { tap_ = std::move(tap); }
  // Hidden states, [batch][width], in and out of run().
  [[nodiscard]] std::span<float> hidden() { return {x_, batch_ * width_}; }
  // Hidden states [first_row, first_row + count) after the last norm, [count][width]; valid until the next
  // call. Models without that norm: as they are.
  std::span<const float> normalized(std::size_t first_row, std::size_t count);
  // Logits [count][vocab] of hidden states [first_row, first_row + count); count at most batch.
  void logits(std::size_t first_row, std::size_t count, float* out);
  // Logits [rows.size()][vocab] of the hidden states of `rows`, which rise. The hidden states are used up.
  void logits(std::span<const std::size_t> rows, float* out);

 private:
  Forward(Runtime& runtime, const model::ModelSpec& spec, const Weights& weights, std::size_t batch,
          std::size_t context);
  void run_step(Step step, const BlockWeights& block, std::size_t layer, std::span<const Slice> slices);
  void run_steps(std::size_t first, std::size_t last, std::size_t layer, std::span<const Slice> slices);
  void place_rows(std::span<const Slice> slices);
  void begin(std::span<const Slice> slices);  // rows and their angles
  // Rows of x normalized to h_, and quantized where a consumer needs it.
  void normalize(const float* x, const Norm& norm, std::size_t n, bool quantize);
  void normalize_in_place(const Norm& norm, std::size_t n);
  void quantize(const float* values, std::size_t cols, std::size_t n, bool wanted);
  void set_input(const float* values, std::size_t cols, std::size_t n);
  void project(const Linear& linear);  // y_ = product + bias
  void store_kv(const BlockWeights& block, std::size_t layer, std::size_t n);
  void prepare_heads(float* row, std::size_t heads, const Linear& linear, const Norm& norm,
                     model::RopeUse rope, std::size_t token);
  void add_output(std::size_t n, const Norm* norm);
  void cap_logits(std::size_t count, float* out);
  template <typename F>
  void over_tokens(std::size_t n, const F& work);

  Runtime* runtime_;
  const model::ModelSpec* spec_;
  const Weights* weights_;
  const kernels::KernelTable* kernels_;
  Rope rope_;
  Rope local_rope_;
  std::vector<Step> steps_;
  std::size_t batch_;
  std::size_t width_;
  struct Row {
    KvCache* cache;
    std::size_t position;
  };
  std::vector<Row> rows_;  // of the batch's tokens
  AlignedBuffer buffer_;
  float* x_ = nullptr;             // [batch][width]: the residual stream
  float* h_ = nullptr;             // [batch][width]: normalized
  float* y_ = nullptr;             // [batch][width]: a product before it is added
  float* q_ = nullptr;             // [batch][q width]
  float* k_ = nullptr;             // [batch][kv width]
  float* v_ = nullptr;             // [batch][kv width]
  float* heads_ = nullptr;         // [batch][q width]: attention's output
  float* gate_ = nullptr;          // [batch][hidden]
  float* up_ = nullptr;            // [batch][hidden]
  float* angles_ = nullptr;        // [batch][2 * rope pairs]
  float* local_angles_ = nullptr;  // the same of the local rope
  std::byte* codes_ = nullptr;     // quantized input of the next product
  kernels::Activations input_;
  Tap tap_;
  std::unique_ptr<Products> products_;
  std::unique_ptr<Attention> attention_;
  std::unique_ptr<Experts> experts_;  // null without a mixture
};

}  // namespace mote::engine
