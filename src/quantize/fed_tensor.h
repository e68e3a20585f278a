// Rows of a tensor through feedback (feedback/feedback.h) in portions that memory has room for, with the
// checks of encode_tensor(): nothing that is not finite goes in or comes out unnoticed.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "quantize/encode_tensor.h"
#include "quantize/feedback/curvature.h"
#include "quantize/feedback/feedback.h"
#include "sys/thread_pool.h"
#include "tensor/quantized_tensor.h"

namespace mote::quantize {

// Rows of a matrix that are decoded and fed back at a time: a head has more than memory is good for.
inline constexpr std::size_t kFeedbackRows = 2048;

// curvature_of() with the tensor's name in its errors.
Result<Curvature> curvature_for(sys::ThreadPool& pool, const FeedbackKernels& kernels,
                                std::span<const double> second_moment, std::size_t cols, double damping,
                                std::string_view tensor);

struct FedRows {
  std::string_view tensor;
  std::size_t first = 0;
  std::size_t count = 0;
  float factor = 1.0F;  // values are divided by it
};

// What the rows should be, changed in place before the factor; [rows][cols].
using CorrectRows = std::function<Result<void>(std::vector<float>& rows)>;

// Rows [first, first + count) of `in`, as floats. MODEL_NONFINITE names the tensor and the place.
Result<void> decode_rows(const QuantizedTensor& in, const FedRows& which, std::vector<float>& rows);

// out: the blocks of these rows in the job's type; correct: may be null. Errors: those of decode_rows(),
// encode_feedback() and `correct`, QUANT_VERIFY where a value is beyond the type's range.
Result<EncodeError> encode_fed_rows(sys::ThreadPool& pool, const FeedbackJob& job, const Curvature& curvature,
                                    const QuantizedTensor& in, const FedRows& which, std::span<std::byte> out,
                                    const CorrectRows& correct = {});

}  // namespace mote::quantize
