// Feedback for one tensor with second moments that were stored beside other statistics: matrix by matrix,
// without a text that goes through the model, so that experts have it too. What the layers before have
// changed by being quantized is not known here and not corrected (layerwise.h does that).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "calibrate/mean_moments.h"
#include "mote/result.h"
#include "quantize/encode_tensor.h"
#include "quantize/feedback/curvature.h"
#include "quantize/feedback/feedback.h"
#include "sys/thread_pool.h"
#include "tensor/quantized_tensor.h"

namespace mote::quantize {

// What the inputs of one matrix say (curvature.h), with the damping of layerwise feedback; inputs that were
// all 0 count alike. Errors: STATISTICS_SINGULAR and STATISTICS_NONFINITE (with the tensor's name), those of
// reading moments.
Result<Curvature> curvature_in(sys::ThreadPool& pool, const FeedbackKernels& kernels,
                               const calibrate::MeanMoments& moments, std::size_t matrix,
                               std::string_view tensor);

// moments: of as many matrices as the rows are divided among. Values are divided by `factor` first. out: the
// tensor in the job's type. Errors: those of encode_feedback() and curvature_in().
Result<EncodeError> encode_with_moments(sys::ThreadPool& pool, const FeedbackJob& job,
                                        const calibrate::MeanMoments& moments, std::string_view name,
                                        const QuantizedTensor& in, float factor, std::span<std::byte> out);

// What that takes for inputs of so many columns, besides the tensor; nothing where it is beyond counting.
std::optional<std::uint64_t> stored_feedback_bytes(std::uint64_t cols, std::uint64_t rows);

}  // namespace mote::quantize
