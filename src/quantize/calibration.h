// What the calibrated methods work on: the original model with exact activations, windows of calibration
// text, and statistics of its inputs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <memory>

#include "calibrate/statistics.h"
#include "calibrate/windows.h"
#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "mote/quantize.h"
#include "mote/result.h"
#include "quantize/feedback/memory_needed.h"

namespace mote::quantize {

struct Calibration {
  std::shared_ptr<const engine::LoadedModel> model;
  calibrate::Windows windows;
};

// The windows are those of the options' texts, or of the statistics where there are none. Errors: those of
// loading a model and of reading texts, CALIBRATION_SHORT, CALIBRATION_WINDOW, QUANT_METHOD (statistics that
// do not say which tokens they are of).
Result<Calibration> prepare_calibration(engine::Runtime& runtime, const QuantizeOptions& options,
                                        const calibrate::Statistics& statistics);

// What feedback, or transforms where they alone need the text, take at their peak, and the blocks' matrices
// as floats where transforms change them. Nothing where the numbers overflow.
std::optional<std::uint64_t> calibrated_bytes(const QuantizeOptions& options, const model::Model& model,
                                              FeedbackSize size);

// What a part of the job will take (`needed`, nothing where that is beyond counting), told to the caller and
// held to the options' limit; the report has the most of all parts. QUANT_MEMORY ("WHAT needs ..."),
// OUT_OF_MEMORY.
Result<void> hold_to_limit(const QuantizeOptions& options, std::optional<std::uint64_t> needed,
                           const std::string& what, std::string hint, QuantizeReport& report);

// The same of the method (`needed`, nothing where that is beyond counting), told to the caller and held to
// the options' limit. QUANT_MEMORY, OUT_OF_MEMORY.
Result<void> check_memory(const QuantizeOptions& options, std::optional<std::uint64_t> needed,
                          const model::ModelSpec& spec, const FeedbackSize& size, QuantizeReport& report);

}  // namespace mote::quantize
