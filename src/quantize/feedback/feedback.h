// Codes of a matrix chosen so that the products with its inputs come out right, not its elements.
//
// Scales come from the weighted search; then the columns of a row are rounded one after the other, and what a
// rounding leaves over is answered by the columns that come after (curvature.h). For the codes that result
// the scales are chosen anew (refit.h). At last single codes are moved by one step as long as that lowers the
// row's loss e^T H e, where e is what a row is off and H the second moment of its inputs. A row for which all
// of this was in vain keeps what the search gave it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/scale_type.h"
#include "mote/cancel.h"
#include "mote/result.h"
#include "quantize/encode_tensor.h"
#include "quantize/feedback/curvature.h"
#include "quantize/feedback/feedback_kernels.h"
#include "quantize/search.h"
#include "sys/thread_pool.h"
#include "tensor/codec_id.h"

namespace mote::quantize {

struct FeedbackJob {
  CodecId type = CodecId::f32;  // has_free_codes()
  const SearchKernels* search = nullptr;
  const FeedbackKernels* kernels = nullptr;
  double moves = 0.1;                   // at most, per row and refit, as a share of its columns
  unsigned refits = 1;                  // of the factors, each followed by moves; has_factors() types only
  const CancelToken* cancel = nullptr;  // may be null
  codec::ScaleType scales = codec::ScaleType::f32;  // how affine groups have them stored
};

// rows: [rows][curvature.cols], what the matrix should be. out: its blocks in the job's type. The error is
// the sum of e^T H e over that of w^T H w; searched_error is that of the search's codes. Bytes depend on the
// arguments alone, not on threads or kernels. Errors: CANCELLED, OUT_OF_MEMORY.
Result<EncodeError> encode_feedback(sys::ThreadPool& pool, const FeedbackJob& job, const Curvature& curvature,
                                    std::span<const float> rows, std::span<std::byte> out);

// Moves rows towards what makes up for inputs that are not what they were: with X the inputs of the original
// model and Y those behind the layers that are quantized already, least squares of W X - V Y give V = W + W D
// (Y Y^T + damping)^-1, D = (X - Y) Y^T, and a row becomes w + share * (v - w).
// drift: [cols][cols], the mean over tokens of y (x - y)^T; curvature: of Y. Source: Li et al., "GPTAQ",
// 2025.
Result<void> correct_drift(sys::ThreadPool& pool, const FeedbackKernels& kernels, const Curvature& curvature,
                           std::span<const double> drift, double share, std::span<float> rows);

}  // namespace mote::quantize
