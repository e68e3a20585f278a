#include "quantize/feedback/refit.h"

#include <algorithm>
#include <cmath>

#include "codec/codec.h"

namespace mote::quantize {
namespace {

// Of the mean of the normal matrix's diagonal: factors that change little may stay as they are.
constexpr double kDamping = 1e-6;

}  // namespace

Refit::Refit(CodecId type, const FeedbackKernels& kernels, const Curvature& curvature)
    : type_(type),
      kernels_(kernels),
      curvature_(curvature),
      cols_(curvature.cols),
      block_(codec::codec_of(type).block_elements),
      per_block_(codec::codec_of(type).integer_form->has_min ? 2 : 1),
      count_(cols_ / block_ * per_block_),
      columns_(per_block_ * cols_),
      products_(count_ * cols_),
      normal_(count_ * count_),
      lower_(count_ * count_),
      right_(count_),
      start_(count_),
      moves_(count_),
      work_(count_) {}

// The values that factors of 1 give.
void Refit::set_columns(std::span<const float> levels, const std::byte* blocks) {
  const codec::Codec& codec = codec::codec_of(type_);
  const codec::IntegerForm& form = *codec.integer_form;
  for (std::size_t b = 0; b < cols_ / block_; ++b) {
    codec::ScaleCodes integers{};
    std::ranges::fill(integers.scales, std::int8_t{1});
    std::ranges::fill(integers.mins, std::int8_t{1});
    if (form.unpack_scales != nullptr) form.unpack_scales(blocks + b * codec.block_bytes, integers);
    for (std::size_t i = 0; i < block_; ++i) {
      const std::size_t at = b * block_ + i;
      const std::size_t group = i / form.group_elements;
      columns_[at] = static_cast<float>(integers.scales[group]) * levels[at];
      if (per_block_ == 2) columns_[cols_ + at] = -static_cast<float>(integers.mins[group]);
    }
  }
}

// Factor j is of block j / per_block_.
void Refit::multiply() {
  std::ranges::fill(products_, 0.0F);
  for (std::size_t j = 0; j < count_; ++j) {
    float* const product = products_.data() + j * cols_;
    const float* const column = columns_.data() + j % per_block_ * cols_;
    const std::size_t first = j / per_block_ * block_;
    for (std::size_t i = first; i < first + block_; ++i) {
      if (column[i] != 0.0F) {
        kernels_.add_scaled(product, column[i], curvature_.hessian.data() + i * cols_, cols_);
      }
    }
  }
  for (std::size_t j = 0; j < count_; ++j) {
    for (std::size_t k = 0; k <= j; ++k) {
      const float* const column = columns_.data() + k % per_block_ * cols_;
      const std::size_t first = k / per_block_ * block_;
      double sum = 0;
      for (std::size_t i = first; i < first + block_; ++i) {
        sum += static_cast<double>(products_[j * cols_ + i]) * static_cast<double>(column[i]);
      }
      normal_[j * count_ + k] = normal_[k * count_ + j] = sum;
    }
  }
}

// What these moves of the factors change in the loss.
double Refit::change_of(std::span<const double> moves) const {
  double change = 0;
  for (std::size_t j = 0; j < count_; ++j) {
    double sum = -2.0 * right_[j];
    for (std::size_t k = 0; k < count_; ++k) sum += normal_[j * count_ + k] * moves[k];
    change += moves[j] * sum;
  }
  return change;
}

// (N + damping) moves = right, by Cholesky's factor; false where there is none.
bool Refit::solve() {
  const std::size_t n = count_;
  double mean = 0;
  for (std::size_t j = 0; j < n; ++j) mean += normal_[j * n + j] / static_cast<double>(n);
  const double damping = kDamping * mean;
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k <= j; ++k) {
      double sum = normal_[j * n + k] + (j == k ? damping : 0.0);
      for (std::size_t i = 0; i < k; ++i) sum -= lower_[j * n + i] * lower_[k * n + i];
      if (j != k) {
        lower_[j * n + k] = sum / lower_[k * n + k];
        continue;
      }
      if (!(sum > 0)) return false;
      lower_[j * n + j] = std::sqrt(sum);
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    double sum = right_[j];
    for (std::size_t k = 0; k < j; ++k) sum -= lower_[j * n + k] * work_[k];
    work_[j] = sum / lower_[j * n + j];
  }
  for (std::size_t j = n; j-- > 0;) {
    double sum = work_[j];
    for (std::size_t k = j + 1; k < n; ++k) sum -= lower_[k * n + j] * moves_[k];
    moves_[j] = sum / lower_[j * n + j];
  }
  return true;
}

double Refit::run(std::span<const float> levels, const std::byte* blocks, std::span<float> gradient,
                  std::span<BlockFactors> factors) {
  set_columns(levels, blocks);
  multiply();
  const auto half_of = [&](std::size_t j) -> Half& {
    BlockFactors& f = factors[j / per_block_];
    return j % per_block_ == 0 ? f.scale : f.min;
  };
  for (std::size_t j = 0; j < count_; ++j) {
    start_[j] = static_cast<double>(half_to_float(half_of(j)));
    const float* const column = columns_.data() + j % per_block_ * cols_;
    const std::size_t first = j / per_block_ * block_;
    right_[j] = 0;
    for (std::size_t i = first; i < first + block_; ++i) {
      right_[j] -= static_cast<double>(column[i]) * static_cast<double>(gradient[i]);
    }
  }
  if (!solve()) return 0;
  bool finite = true;
  for (std::size_t j = 0; j < count_; ++j) {
    const double moved = start_[j] + moves_[j];
    moves_[j] = static_cast<double>(half_to_float(float_to_half(static_cast<float>(moved)))) - start_[j];
    finite = finite && std::isfinite(moves_[j]);
  }
  const double change = finite ? change_of(moves_) : 0.0;
  if (!(change < 0)) return 0;
  for (std::size_t j = 0; j < count_; ++j) {
    half_of(j) = float_to_half(static_cast<float>(start_[j] + moves_[j]));
    kernels_.add_scaled(gradient.data(), static_cast<float>(moves_[j]), products_.data() + j * cols_, cols_);
  }
  return -change;
}

}  // namespace mote::quantize
