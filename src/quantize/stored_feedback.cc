#include "quantize/stored_feedback.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/strings.h"
#include "codec/codec.h"
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
  Result<Curvature> out = curvature_of(pool, kernels, of_matrix, moments.cols(), LayerwiseOptions().damping);
  if (out) return out;
  Error failure = std::move(out).error();
  failure.message = "tensor '" + escape_untrusted(tensor) + "': " + failure.message;
  return failure;
}

Result<EncodeError> encode_with_moments(sys::ThreadPool& pool, const FeedbackJob& job,
                                        const calibrate::MeanMoments& moments, std::string_view name,
                                        const QuantizedTensor& in, float factor, std::span<std::byte> out) {
  const std::size_t cols = in.shape.cols();
  const std::size_t rows_each = in.shape.rows() / moments.matrices();
  const codec::Codec& from = codec::codec_of(in.codec);
  const std::size_t blocks_per_row = cols / from.block_elements;
  const std::size_t row_bytes = out.size() / in.shape.rows();
  EncodeError error;
  std::vector<float> rows;
  for (std::size_t m = 0; m < moments.matrices(); ++m) {
    MOTE_ASSIGN(const Curvature curvature, curvature_in(pool, *job.kernels, moments, m, name));
    for (std::size_t done = 0; done < rows_each; done += kFeedbackRows) {
      const std::size_t count = std::min<std::size_t>(kFeedbackRows, rows_each - done);
      const std::size_t first = m * rows_each + done;
      rows.resize(count * cols);
      from.decode(in.blocks().data() + first * blocks_per_row * from.block_bytes, rows.data(),
                  count * blocks_per_row);
      if (factor != 1.0F) {
        for (float& w : rows) w /= factor;
      }
      MOTE_ASSIGN(const EncodeError part, encode_feedback(pool, job, curvature, rows,
                                                          out.subspan(first * row_bytes, count * row_bytes)));
      error.squared_error += part.squared_error;
      error.searched_error += part.searched_error;
      error.squared_norm += part.squared_norm;
    }
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
