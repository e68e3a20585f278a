#include "calibrate/mean_moments.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/strings.h"

namespace mote::calibrate {

Result<std::optional<MeanMoments>> MeanMoments::of(const Statistics& statistics,
                                                   const formats::TensorSource& model, std::size_t tensor) {
  std::optional<MeanMoments> none;
  if (statistics.moments == nullptr) return none;
  const auto entry = find_moments(*statistics.moments, model, tensor);
  if (!entry) return none;
  const MomentEntry& of = statistics.moments->entries()[*entry];
  MeanMoments out;
  out.statistics_ = &statistics;
  out.entry_ = *entry;
  out.cols_ = of.cols;
  out.counts_ = of.counts;
  if (of.matrices() > 1) {
    double total = 0;
    out.common_.assign(packed_size(of.cols), 0.0);
    for (std::size_t m = 0; m < of.matrices(); ++m) {
      MOTE_ASSIGN(const std::vector<float> sums, out.sums(m));
      for (std::size_t i = 0; i < sums.size(); ++i) out.common_[i] += static_cast<double>(sums[i]);
      total += static_cast<double>(out.counts_[m]);
    }
    const double weight = static_cast<double>(kLeastTokens) / std::max(total, 1.0);
    for (double& x : out.common_) x *= weight;
  }
  return std::optional(std::move(out));
}

Result<std::vector<float>> MeanMoments::sums(std::size_t index) const {
  MOTE_ASSIGN(std::vector<float> out, statistics_->moments->read(entry_, index));
  for (const float x : out) {
    if (std::isfinite(x)) continue;
    return Error{kStatisticsNonfinite,
                 "the second moments of tensor '" +
                     escape_untrusted(statistics_->moments->entries()[entry_].tensor) + "' hold " +
                     std::to_string(x),
                 "calibrate again; the model's activations may have overflowed",
                 {},
                 {}};
  }
  return out;
}

Result<std::vector<double>> MeanMoments::matrix(std::size_t index) const {
  MOTE_ASSIGN(const std::vector<float> packed, sums(index));
  const bool leans = !common_.empty();
  const double count = static_cast<double>(counts_[index]) + (leans ? static_cast<double>(kLeastTokens) : 0);
  std::vector<double> out(cols_ * cols_);
  std::size_t at = 0;
  for (std::size_t i = 0; i < cols_; ++i) {
    for (std::size_t j = 0; j <= i; ++j, ++at) {
      const double sum = static_cast<double>(packed[at]) + (leans ? common_[at] : 0.0);
      out[i * cols_ + j] = out[j * cols_ + i] = sum / std::max(count, 1.0);
    }
  }
  return out;
}

}  // namespace mote::calibrate
