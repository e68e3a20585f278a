#include "grad/head_gradient.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "engine/activation.h"
#include "engine/norms.h"
#include "grad/norm_gradient.h"

namespace mote::grad {
namespace {

constexpr std::size_t kTokens = 96;

double log_sum_exp(const float* x, std::size_t n, float largest) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += std::exp(x[i] - largest);
  return static_cast<double>(largest) + std::log(sum);
}

}  // namespace

std::optional<std::uint64_t> head_gradient_bytes(const model::ModelSpec& spec, std::size_t tokens,
                                                 unsigned threads) {
  const Checked logits = Checked(kTokens) * spec.vocab * 2;
  const Checked of_threads = Checked(threads) * spec.vocab * 2;  // differences, and slopes of a cap
  return ((logits + of_threads + Checked(tokens) * spec.width * 2) * sizeof(float)).value();
}

HeadGradient::HeadGradient(engine::Runtime& runtime, const model::ModelSpec& spec)
    : runtime_(runtime),
      spec_(spec),
      student_(kTokens * static_cast<std::size_t>(spec.vocab)),
      teacher_(student_.size()) {}

double HeadGradient::lose(float* student, float* teacher, float share) const {
  const kernels::KernelTable& kernels = runtime_.kernels();
  const std::size_t vocab = spec_.vocab;
  const float top_s = kernels.max(student, vocab);
  const float top_t = kernels.max(teacher, vocab);
  const double between = log_sum_exp(student, vocab, top_s) - log_sum_exp(teacher, vocab, top_t);
  // The sum needs differences of logits: kept in `student` until the probabilities are there.
  const auto cap = static_cast<float>(spec_.logit_cap);
  std::vector<float> slope;
  if (cap != 0.0F) {
    slope.resize(vocab);
    for (std::size_t i = 0; i < vocab; ++i) {
      const float part = student[i] / cap;
      slope[i] = 1.0F - part * part;
    }
  }
  std::vector<float> difference(vocab);
  for (std::size_t i = 0; i < vocab; ++i) difference[i] = teacher[i] - student[i];
  kernels.softmax(student, vocab);
  kernels.softmax(teacher, vocab);
  double loss = between;
  for (std::size_t i = 0; i < vocab; ++i) loss += static_cast<double>(teacher[i]) * difference[i];
  const float scale = share * static_cast<float>(spec_.logit_scale);
  for (std::size_t i = 0; i < vocab; ++i) student[i] = (student[i] - teacher[i]) * scale;
  for (std::size_t i = 0; i < slope.size(); ++i) student[i] *= slope[i];
  return loss;
}

double HeadGradient::add_part(const Matrix& head, std::size_t first, std::size_t count, std::size_t n,
                              const TeacherLogits& teacher, float* by_normal, const TakeRows* take) {
  const std::size_t vocab = spec_.vocab;
  const std::size_t width = spec_.width;
  const kernels::KernelTable& kernels = runtime_.kernels();
  const float* const normal = normal_.data() + first * width;
  teacher(first, count, teacher_.data());
  multiply(runtime_.pool(), kernels, head, normal, count, student_.data());
  std::vector<double> losses(count);
  runtime_.pool().parallel_for(count, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      float* const logits = student_.data() + t * vocab;
      kernels.scale(logits, static_cast<float>(spec_.logit_scale), logits, vocab);
      if (spec_.logit_cap != 0.0) {
        engine::soft_cap(logits, vocab, static_cast<float>(spec_.logit_cap));
      }
      losses[t] = lose(logits, teacher_.data() + t * vocab, 1.0F / static_cast<float>(n));
    }
  });
  double sum = 0;
  for (const double loss : losses) sum += loss;
  if (by_normal != nullptr) {
    add_turned_product(runtime_.pool(), kernels, head, student_.data(), count, by_normal + first * width);
  }
  if (take != nullptr) {
    weight_gradient(runtime_.pool(), kernels, student_.data(), vocab, normal, width, count, *take);
  }
  return sum;
}

double HeadGradient::run(const engine::Norm& norm, const Matrix& head, const float* hidden, std::size_t n,
                         const TeacherLogits& teacher, float* gradient, const TakeRows* take) {
  const std::size_t width = spec_.width;
  normal_.resize(n * width);
  for (std::size_t t = 0; t < n; ++t) {
    engine::apply_norm(runtime_.kernels(), spec_, hidden + t * width, norm, normal_.data() + t * width);
  }
  std::vector<float> by_normal(gradient != nullptr ? n * width : 0, 0.0F);
  double sum = 0;
  for (std::size_t first = 0; first < n; first += kTokens) {
    sum += add_part(head, first, std::min(kTokens, n - first), n, teacher,
                    gradient != nullptr ? by_normal.data() : nullptr, take);
  }
  if (gradient == nullptr) return sum;
  std::fill_n(gradient, n * width, 0.0F);
  for (std::size_t t = 0; t < n; ++t) {
    add_norm_gradient(spec_, hidden + t * width, norm.weight.data(), by_normal.data() + t * width,
                      gradient + t * width, width);
  }
  return sum;
}

}  // namespace mote::grad
