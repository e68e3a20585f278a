#include "quantize/fed_tensor.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/strings.h"
#include "codec/codec.h"

namespace mote::quantize {

Result<Curvature> curvature_for(sys::ThreadPool& pool, const FeedbackKernels& kernels,
                                std::span<const double> second_moment, std::size_t cols, double damping,
                                std::string_view tensor) {
  Result<Curvature> out = curvature_of(pool, kernels, second_moment, cols, damping);
  if (out) return out;
  Error error = std::move(out).error();
  error.message = "tensor '" + escape_untrusted(tensor) + "': " + error.message;
  return error;
}

Result<void> decode_rows(const QuantizedTensor& in, const FedRows& which, std::vector<float>& rows) {
  const codec::Codec& from = codec::codec_of(in.codec);
  const std::size_t cols = in.shape.cols();
  const std::size_t row_blocks = cols / from.block_elements;
  rows.resize(which.count * cols);
  from.decode(in.blocks().data() + which.first * row_blocks * from.block_bytes, rows.data(),
              which.count * row_blocks);
  const auto bad = std::ranges::find_if_not(rows, [](float x) { return std::isfinite(x); });
  if (bad == rows.end()) return {};
  return nonfinite_error(which.tensor, which.first * cols + static_cast<std::size_t>(bad - rows.begin()),
                         cols);
}

Result<EncodeError> encode_fed_rows(sys::ThreadPool& pool, const FeedbackJob& job, const Curvature& curvature,
                                    const QuantizedTensor& in, const FedRows& which, std::span<std::byte> out,
                                    const CorrectRows& correct) {
  const codec::Codec& to = codec::codec_of(job.type);
  const std::size_t row_bytes = in.shape.cols() / to.block_elements * to.block_bytes;
  EncodeError error;
  std::vector<float> rows;
  for (std::size_t done = 0; done < which.count; done += kFeedbackRows) {
    const std::size_t count = std::min(kFeedbackRows, which.count - done);
    MOTE_TRY(decode_rows(in, {which.tensor, which.first + done, count}, rows));
    if (correct) MOTE_TRY(correct(rows));
    if (which.factor != 1.0F) {
      for (float& w : rows) w /= which.factor;
    }
    const std::span<std::byte> blocks = out.subspan(done * row_bytes, count * row_bytes);
    MOTE_ASSIGN(const EncodeError part, encode_feedback(pool, job, curvature, rows, blocks));
    if (!to.is_finite(blocks.data(), blocks.size() / to.block_bytes)) {
      return out_of_range_error(which.tensor, job.type);
    }
    error.squared_error += part.squared_error;
    error.searched_error += part.searched_error;
    error.squared_norm += part.squared_norm;
  }
  return error;
}

}  // namespace mote::quantize
