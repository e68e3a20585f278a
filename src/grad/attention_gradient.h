// Causal attention over one window of tokens that starts at position 0, and its derivative. The weights of
// all positions are kept between the two: heads * tokens^2 floats, which windows of calibration can afford.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/kernel_table.h"
#include "sys/thread_pool.h"

namespace mote::grad {

struct AttentionShape {
  std::size_t tokens = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;  // divides heads
  std::size_t head_dim = 0;
  float scale = 1;         // of q.k
  float cap = 0;           // scores become cap * tanh(score / cap); 0: they stay
  std::size_t window = 0;  // positions that a query sees, itself included; 0: all before it
};

class AttentionGradient {
 public:
  AttentionGradient(sys::ThreadPool& pool, const kernels::KernelTable& kernels, const AttentionShape& shape);

  // Window may differ from call to call, the rest of the shape not.
  void set_window(std::size_t window) { shape_.window = window; }
  // q, out: [tokens][heads * head_dim]; k, v: [tokens][kv_heads * head_dim].
  void forward(const float* q, const float* k, const float* v, float* out);
  // After forward() with the same q, k and v: the derivatives by them, which are overwritten; dout as out.
  void backward(const float* q, const float* k, const float* v, const float* dout, float* dq, float* dk,
                float* dv);

 private:
  struct Scratch {
    std::vector<float> scores;  // [tokens][tokens], of one head
    std::vector<float> turned;
  };
  void head_forward(std::size_t head, const float* q, const float* k, const float* v, float* out);
  void head_backward(std::size_t head, const float* q, const float* k, const float* v, const float* dout,
                     float* dq, Scratch& scratch);
  // scores[t][p] = scale * q_t . k_p of all pairs of a head.
  void score(std::size_t head, const float* q, const float* k, float* scores) const;
  [[nodiscard]] std::size_t first_seen(std::size_t token) const {
    return shape_.window == 0 || token < shape_.window ? 0 : token + 1 - shape_.window;
  }
  [[nodiscard]] float* weights_of(std::size_t head) {
    return weights_.data() + head * shape_.tokens * shape_.tokens;
  }

  sys::ThreadPool& pool_;
  const kernels::KernelTable& kernels_;
  AttentionShape shape_;
  std::vector<float> weights_;  // [heads][tokens][tokens], 0 where nothing is seen
  std::vector<float> dk_;       // [heads][tokens][head_dim]: heads of a group are added in order
  std::vector<float> dv_;
  std::vector<Scratch> scratch_;
};

}  // namespace mote::grad
