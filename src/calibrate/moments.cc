#include "calibrate/moments.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
#include "mote/cancel.h"

namespace mote::calibrate {
namespace {

constexpr std::size_t kStripe = 32;  // rows of the result that a thread computes at a time

}  // namespace

Result<Moments> Moments::create(engine::Runtime& runtime, std::size_t cols, std::size_t tokens) {
  Moments out(runtime, cols);
  out.most_ = tokens;
  const auto bytes = (Checked(cols) * cols * sizeof(double)).value();
  const auto transposed = (Checked(cols) * tokens * 2 * sizeof(float)).value();
  const auto products = (Checked(cols) * kStripe * runtime.pool().size() * sizeof(float)).value();
  const auto no_memory = [&] {
    return Error{kOutOfMemory,
                 "no memory for the second moments of " + std::to_string(cols) + " inputs",
                 "use a smaller model or the method search",
                 {},
                 {}};
  };
  if (!bytes || !transposed || !products) return no_memory();
  try {
    out.sums_.assign(cols * cols, 0.0);
    out.transposed_ = AlignedBuffer(*transposed);
    out.products_ = AlignedBuffer(*products);
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
  if (out.transposed_.size() == 0 || out.products_.size() == 0) return no_memory();
  return out;
}

void Moments::transpose(std::span<const float> in, std::size_t n, float* out) const {
  runtime_->pool().parallel_for(cols_, 64, [&](std::size_t begin, std::size_t end) {
    // A cache line of the result at a time; the sixteen rows it comes from stay in the cache meanwhile.
    constexpr std::size_t kTokens = 16;
    for (std::size_t first = 0; first < n; first += kTokens) {
      const std::size_t last = std::min(first + kTokens, n);
      for (std::size_t c = begin; c < end; ++c) {
        for (std::size_t t = first; t < last; ++t) out[c * n + t] = in[t * cols_ + c];
      }
    }
  });
}

void Moments::accumulate(const float* a, const float* b, std::size_t n, bool symmetric) {
  const kernels::KernelTable& kernels = runtime_->kernels();
  const std::size_t stripes = (cols_ + kStripe - 1) / kStripe;
  std::atomic<std::size_t> next{0};
  runtime_->pool().run([&](unsigned worker, unsigned) {
    float* const products = products_.as<float>() + worker * kStripe * cols_;
    for (std::size_t s = next.fetch_add(1); s < stripes; s = next.fetch_add(1)) {
      const std::size_t first = s * kStripe;
      const std::size_t count = std::min(kStripe, cols_ - first);
      const std::size_t width = symmetric ? first + count : cols_;
      kernels.matmul_f32({.w = b,
                          .w_stride = n,
                          .rows = width,
                          .x = a + first * n,
                          .x_stride = n,
                          .n = count,
                          .cols = n,
                          .y = products,
                          .y_stride = cols_});
      for (std::size_t i = 0; i < count; ++i) {
        double* const sums = sums_.data() + (first + i) * cols_;
        for (std::size_t j = 0; j < width; ++j) sums[j] += static_cast<double>(products[i * cols_ + j]);
      }
    }
  });
  tokens_ += n;
}

void Moments::add(std::span<const float> a, std::span<const float> b) {
  const std::size_t n = a.size() / cols_;
  float* const first = transposed_.as<float>();
  float* const second = first + cols_ * most_;
  transpose(a, n, first);
  transpose(b, n, second);
  accumulate(first, second, n, false);
}

void Moments::add(std::span<const float> a) {
  const std::size_t n = a.size() / cols_;
  transpose(a, n, transposed_.as<float>());
  symmetric_ = true;
  accumulate(transposed_.as<float>(), transposed_.as<float>(), n, true);
}

std::vector<float> Moments::packed_sums() const {
  std::vector<float> out;
  out.reserve(cols_ * (cols_ + 1) / 2);
  for (std::size_t i = 0; i < cols_; ++i) {
    for (std::size_t j = 0; j <= i; ++j) out.push_back(static_cast<float>(sums_[i * cols_ + j]));
  }
  return out;
}

Checked Moments::bytes(std::size_t cols, std::size_t tokens, unsigned threads) {
  const Checked scratch = (Checked(tokens) * 2 + Checked(kStripe) * threads) * cols * sizeof(float);
  return Checked(cols) * cols * sizeof(double) + scratch;
}

std::vector<double> Moments::take_mean() {
  const double count = static_cast<double>(std::max<std::size_t>(tokens_, 1));
  for (double& sum : sums_) sum /= count;
  for (std::size_t i = 0; symmetric_ && i < cols_; ++i) {
    for (std::size_t j = 0; j < i; ++j) sums_[j * cols_ + i] = sums_[i * cols_ + j];
  }
  return std::move(sums_);
}

}  // namespace mote::calibrate
