// What perplexity, compare and demo share: a text cut into windows, and a model opened for measuring.
#pragma once

#include <memory>
#include <string>

#include "apps/cli/model_options.h"
#include "measure/compare.h"
#include "measure/engine_model.h"
#include "measure/windows.h"

namespace mote::cli {

// The text tokenized once as the model expects it, and cut by the protocol.
Result<measure::WindowPlan> plan_text(const Tokenizer& tokenizer, std::string_view text,
                                      measure::Protocol protocol, std::size_t context,
                                      std::size_t max_windows);

// A session of exactly one window.
Result<std::unique_ptr<measure::LogitModel>> open_for_measuring(
    Program& program, engine::Runtime& runtime, std::shared_ptr<const engine::LoadedModel> model,
    const SessionSettings& settings, std::size_t context);

// Progress and cancellation of a measurement; `label` begins the progress line.
measure::MeasureOptions measure_options(Program& program, std::string label);

}  // namespace mote::cli
