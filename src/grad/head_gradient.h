// From the last hidden states to the loss: how far next-token distributions are from those of a teacher, and
// the derivative of that.
//
// The loss of a token is KL(p || q) = sum over the vocabulary of p (log p - log q), p the teacher's and q the
// student's; its derivative by the student's logits is q - p (Hinton et al., "Distilling the Knowledge in a
// Neural Network", 2015). Logits are made for some tokens at a time: those of a window can be larger than the
// model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/runtime.h"
#include "engine/weights.h"
#include "grad/products.h"
#include "model/spec.h"

namespace mote::grad {

// Fills the teacher's logits of tokens [first, first + count), [count][vocab].
using TeacherLogits = std::function<void(std::size_t first, std::size_t count, float* logits)>;

// What a HeadGradient takes for windows of `tokens`; nothing where it is beyond counting.
std::optional<std::uint64_t> head_gradient_bytes(const model::ModelSpec& spec, std::size_t tokens,
                                                 unsigned threads);

class HeadGradient {
 public:
  // Throws std::bad_alloc. The spec outlives the object.
  HeadGradient(engine::Runtime& runtime, const model::ModelSpec& spec);

  // Sum of the tokens' losses in nats. hidden: [n][width], behind the last block; norm: the last one; head:
  // [vocab][width]. gradient, where not null: [n][width], the derivative of the mean loss by `hidden`;
  // `take`, where not null: of the mean loss by the head, in several parts that add up.
  double run(const engine::Norm& norm, const Matrix& head, const float* hidden, std::size_t n,
             const TeacherLogits& teacher, float* gradient, const TakeRows* take);

 private:
  double add_part(const Matrix& head, std::size_t first, std::size_t count, std::size_t n,
                  const TeacherLogits& teacher, float* by_normal, const TakeRows* take);
  // The loss of one token; its logits become the derivative by them, times `share`.
  double lose(float* student, float* teacher, float share) const;

  engine::Runtime& runtime_;
  const model::ModelSpec& spec_;
  std::vector<float> normal_;
  std::vector<float> student_;  // logits of some tokens
  std::vector<float> teacher_;
};

}  // namespace mote::grad
