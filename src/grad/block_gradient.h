// One block of a decoder over one window of tokens: its outputs, and the derivatives of a loss by its inputs
// and by its matrices.
//
// What stands between is kept from forward() to backward() and recomputed for the next window, so memory is
// that of one block, whatever the model's depth; hidden states before each block are the caller's. The
// arithmetic is that of engine/forward.h with exact activations and floats as keys and values; what differs
// is the order of some sums.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/rope.h"
#include "engine/runtime.h"
#include "engine/weights.h"
#include "grad/attention_gradient.h"
#include "grad/products.h"
#include "model/spec.h"

namespace mote::grad {

enum class BlockMatrix : std::uint8_t { q, k, v, attn_output, gate, up, down };
inline constexpr std::size_t kBlockMatrices = 7;

// Of one block, by BlockMatrix; `gate` has no rows where the network has no gate.
using BlockMatrices = std::array<Matrix, kBlockMatrices>;

// As TakeRows, of the matrix named.
using TakeBlockRows =
    std::function<void(BlockMatrix matrix, std::size_t first, std::size_t count, const float* rows)>;

// Whether this module knows the model's blocks: decoders without experts.
bool has_block_gradient(const model::ModelSpec& spec);

// What a BlockGradient takes; nothing where it is beyond counting.
std::optional<std::uint64_t> block_gradient_bytes(const model::ModelSpec& spec, std::size_t tokens,
                                                  unsigned threads);

class BlockGradient {
 public:
  // Requires has_block_gradient(spec), which outlives the object. Windows of `tokens`. Throws std::bad_alloc.
  BlockGradient(engine::Runtime& runtime, const model::ModelSpec& spec, std::size_t tokens);

  // Hidden states [tokens][width] behind block `index`, from those before it; they may be the same memory.
  // `fixed`: its norms and biases. What is borrowed lives until backward().
  void forward(std::size_t index, const engine::BlockWeights& fixed, const BlockMatrices& matrices,
               const float* in, float* out);
  // After forward(): turns the loss's derivative by `out` into that by `in`, [tokens][width] in place.
  // `take`, where not null, gets the derivatives by the matrices.
  void backward(float* gradient, const TakeBlockRows* take);

 private:
  struct Heads {             // q or k
    std::vector<float> raw;  // with bias, before norm and rope; empty where there is no norm
    std::vector<float> ready;
    std::vector<float> gradient;
  };

  void project(BlockMatrix which, const float* x, const std::vector<float>& bias, float* out);
  void prepare(Heads& heads, std::size_t count, const engine::Norm& norm);
  void unprepare(Heads& heads, std::size_t count, const engine::Norm& norm);
  void turn_heads(float* x, std::size_t count, bool back);
  void normalize(const float* x, const engine::Norm& norm, float* out);
  // gradient: by the norm's output, turned into that by its input x.
  void unnormalize(const float* x, const engine::Norm& norm, float* gradient);
  void run_network();
  void unrun_network();
  // out += scale * (norm(y) where blocks normalize what they add)
  void add_contribution(const float* y, const engine::Norm& norm, float* out);
  // by_out: the derivative by what was added; to: by y.
  void uncontribute(const float* y, const engine::Norm& norm, const float* by_out, float* to);
  void take_gradient(BlockMatrix which, const float* g, const float* x);
  const Matrix& matrix(BlockMatrix which) const { return (*matrices_)[static_cast<std::size_t>(which)]; }

  engine::Runtime& runtime_;
  const kernels::KernelTable& kernels_;
  const model::ModelSpec& spec_;
  std::size_t tokens_;
  std::size_t width_;
  engine::Rope rope_;
  engine::Rope local_rope_;
  std::vector<float> angles_;        // [tokens][rope dims]
  std::vector<float> local_angles_;  // the same of local rope
  AttentionGradient attention_;

  std::size_t index_ = 0;
  const engine::BlockWeights* fixed_ = nullptr;
  const BlockMatrices* matrices_ = nullptr;
  const TakeBlockRows* take_ = nullptr;
  std::vector<float> in_;       // the residual stream
  std::vector<float> attn_in_;  // what q, k and v multiply
  Heads q_, k_;
  std::vector<float> v_, dv_;
  std::vector<float> attended_;    // what the output projection multiplies
  std::vector<float> attn_y_;      // and its result
  std::vector<float> middle_sum_;  // the stream with attention added
  std::vector<float> middle_;      // and normalized, where blocks do that
  std::vector<float> ffn_in_;
  std::vector<float> gate_, up_;  // before the activation
  std::vector<float> activated_;  // what the down projection multiplies
  std::vector<float> ffn_y_;
  std::vector<float> out_sum_;
  std::vector<float> of_width_, of_hidden_, of_heads_;  // scratch for derivatives
};

}  // namespace mote::grad
