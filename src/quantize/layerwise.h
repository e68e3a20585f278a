// Quantizes a model block by block, each on what reaches it through the blocks that are quantized already.
//
// Two models run side by side over the calibration tokens: the original, and the one that is being made.
// Where a matrix is due, the second moments of its inputs in the new model say how errors weigh and mix, and
// how far those inputs have drifted from the original's says what the matrix should be instead (feedback.h).
// Hidden states of all tokens are kept, twice; second moments of one matrix at a time; of the new model the
// block that is due.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "codec/scale_type.h"
#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "mote/cancel.h"
#include "mote/result.h"
#include "mote/tokenizer.h"
#include "quantize/encode_tensor.h"
#include "quantize/feedback/feedback_kernels.h"
#include "quantize/search_kernels.h"
#include "tensor/codec_id.h"

namespace mote::quantize {

struct LayerwiseOptions {
  std::size_t window = 512;                         // tokens that see one another
  double damping = 0.01;                            // share of the mean second moment
  double drift = 0.5;                               // share of the correction for drifted inputs
  double moves = 0.1;                               // codes moved afterwards, as a share of a row at most
  unsigned refits = 1;                              // of the blocks' factors
  codec::ScaleType scales = codec::ScaleType::f32;  // how affine groups have them stored
  const SearchKernels* search = nullptr;
  const FeedbackKernels* kernels = nullptr;
  const CancelToken* cancel = nullptr;
};

struct LayerwiseWork {
  std::vector<CodecId> types;  // of each tensor of the model's canonical source
  // A tensor in its new type without feedback. importance: second moments of its inputs, or empty.
  std::function<Result<EncodeError>(std::size_t index, const QuantizedTensor& in,
                                    std::span<const float> importance, std::span<std::byte> out)>
      plain;
  // What a tensor's values are divided by before they are encoded, or null where all are as they are.
  std::function<float(std::size_t index, const QuantizedTensor& in)> factor;
  // Fills in the blocks of a tensor that an earlier run has made and says so, false where there is none;
  // null: none of any. Nothing else is asked about such a tensor.
  std::function<Result<bool>(std::size_t index, std::span<std::byte> blocks)> resume;
  // Before a tensor's codes are chosen.
  std::function<void(std::size_t index)> begin;
  // Takes each tensor whose type changes, block by block.
  std::function<Result<void>(std::size_t index, std::span<const std::byte> blocks, const EncodeError& error)>
      done;
};

// `model`: loaded with exact activations. tokens: whole windows; the rest is left out. Errors:
// STATISTICS_SINGULAR (names the tensor), OUT_OF_MEMORY, CANCELLED, those of the source and of `work`. The
// model is a decoder without experts.
Result<void> quantize_layerwise(engine::Runtime& runtime, const engine::LoadedModel& model,
                                std::span<const TokenId> tokens, const LayerwiseOptions& options,
                                const LayerwiseWork& work);

}  // namespace mote::quantize
