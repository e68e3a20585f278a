// Means of second moments from statistics, as feedback wants them.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "calibrate/statistics.h"
#include "formats/tensor_source.h"
#include "mote/result.h"

namespace mote::calibrate {

class MeanMoments {
 public:
  // Of what a tensor of the model reads; nothing where the statistics have none of it. `statistics` outlives
  // the object. Errors: those of reading, STATISTICS_NONFINITE.
  static Result<std::optional<MeanMoments>> of(const Statistics& statistics,
                                               const formats::TensorSource& model, std::size_t tensor);

  [[nodiscard]] std::size_t matrices() const { return counts_.size(); }
  [[nodiscard]] std::size_t cols() const { return cols_; }
  // [cols][cols], the mean over tokens of x x^T. A matrix that saw few tokens (a rare expert) leans on the
  // mean of all matrices as if that were kLeastTokens more; one without any has that mean. Errors: those of
  // reading, STATISTICS_NONFINITE.
  [[nodiscard]] Result<std::vector<double>> matrix(std::size_t index) const;

 private:
  MeanMoments() = default;
  [[nodiscard]] Result<std::vector<float>> sums(std::size_t index) const;

  const Statistics* statistics_ = nullptr;
  std::size_t entry_ = 0;
  std::size_t cols_ = 0;
  std::vector<std::uint64_t> counts_;
  std::vector<double> common_;  // packed: what each matrix leans on; empty where there is but one
};

}  // namespace mote::calibrate
