// What each tensor's loss of precision does to the whole model: the divergence from the original where one
// tensor alone is replaced.
//
// Hidden states before every block are kept for a few short windows, so that a probe runs from its block on
// only. Divergence adds up over tensors as long as it is small (Malinovskii et al., "HIGGS", 2024, theorem
// 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "model/spec.h"
#include "mote/cancel.h"
#include "mote/result.h"
#include "mote/tokenizer.h"
#include "tensor/quantized_tensor.h"

namespace mote::quantize {

struct SensitivityOptions {
  std::size_t window = 256;   // tokens that see one another
  std::size_t windows = 4;    // at most
  std::size_t scored = 2;     // every how manieth position, from `unscored` on
  std::size_t unscored = 32;  // at the start of a window, without much context
  const CancelToken* cancel = nullptr;
  std::function<void(std::size_t tensor)> begin;                            // before each probe
  std::function<Result<void>(std::size_t tensor, double divergence)> done;  // after each, or null
};

// The tensor of that index as it might be written.
using Replacement = std::function<Result<QuantizedTensor>(std::size_t index)>;

// Mean KL(original || with the tensor replaced) in nats for each of `tensors` (indices into the model's
// canonical source). `model`: a decoder without experts, loaded with exact activations. tokens: at least one
// window. Errors: those of the source and of `replaced`, OUT_OF_MEMORY, CANCELLED.
Result<std::vector<double>> probe_tensors(engine::Runtime& runtime, const engine::LoadedModel& model,
                                          std::span<const TokenId> tokens,
                                          std::span<const std::size_t> tensors, const Replacement& replaced,
                                          const SensitivityOptions& options);

// What that takes besides the mapped model and a replacement; nothing where it is beyond counting. tokens:
// that are there, of which a few windows are used.
std::optional<std::uint64_t> sensitivity_bytes(const model::ModelSpec& spec, std::size_t tokens,
                                               const SensitivityOptions& options, unsigned threads);

}  // namespace mote::quantize
