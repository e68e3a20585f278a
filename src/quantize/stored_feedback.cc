#include "quantize/stored_feedback.h"

#include <algorithm>
#include <vector>

#include "base/checked.h"
#include "quantize/fed_tensor.h"
#include "quantize/layerwise.h"

namespace mote::quantize {
namespace {

// Inputs that were all 0 tell nothing apart: errors in each count alike.
void count_alike(std::vector<double>& moments, std::size_t cols) {
  for (std::size_t i = 0; i < cols; ++i) {
    if (moments[i * cols + i] != 0) return;
  }
  for (std::size_t i = 0; i < cols; ++i) moments[i * cols + i] = 1;
}

}  // namespace

Result<Curvature> curvature_in(sys::ThreadPool& pool, const FeedbackKernels& kernels,
                               const calibrate::MeanMoments& moments, std::size_t matrix,
                               std::string_view tensor) {
  MOTE_ASSIGN(std::vector<double> of_matrix, moments.matrix(matrix));
  count_alike(of_matrix, moments.cols());
  return curvature_for(pool, kernels, of_matrix, moments.cols(), LayerwiseOptions().damping, tensor);
}

Result<EncodeError> encode_with_moments(sys::ThreadPool& pool, const FeedbackJob& job,
                                        const calibrate::MeanMoments& moments, std::string_view name,
                                        const QuantizedTensor& in, float factor, std::span<std::byte> out) {
  const std::size_t rows_each = in.shape.rows() / moments.matrices();
  const std::size_t bytes_each = out.size() / moments.matrices();
  EncodeError error;
  for (std::size_t m = 0; m < moments.matrices(); ++m) {
    MOTE_ASSIGN(const Curvature curvature, curvature_in(pool, *job.kernels, moments, m, name));
    MOTE_ASSIGN(const EncodeError part,
                encode_fed_rows(pool, job, curvature, in, {name, m * rows_each, rows_each, factor},
                                out.subspan(m * bytes_each, bytes_each)));
    error.squared_error += part.squared_error;
    error.searched_error += part.searched_error;
    error.squared_norm += part.squared_norm;
  }
  return error;
}

std::optional<std::uint64_t> stored_feedback_bytes(std::uint64_t cols, std::uint64_t rows) {
  const Checked pairs = Checked(cols) * cols;
  // Means, packed sums and what experts lean on (half of the pairs each), and the curvature as in
  // feedback_bytes().
  const Checked moments = pairs * (sizeof(double) + sizeof(float) / 2 + sizeof(double) / 2) +
                          pairs * (2 * sizeof(float) + 2 * sizeof(double));
  return (moments + Checked(std::min<std::uint64_t>(rows, kFeedbackRows)) * cols * sizeof(float)).value();
}

}  // namespace mote::quantize
