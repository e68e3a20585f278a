// What perplexity, compare and demo share: a model opened for measuring, and progress.
#pragma once

#include <memory>
#include <string>

#include "apps/cli/model_options.h"
#include "measure/compare.h"
#include "measure/text_plan.h"

namespace mote::cli {

// A session of exactly one window, with the session's options.
Result<std::unique_ptr<measure::LogitModel>> open_for_measuring(
    Program& program, engine::Runtime& runtime, const std::shared_ptr<const engine::LoadedModel>& model,
    const SessionSettings& settings, std::size_t context);

// Progress and cancellation of a measurement; `label` begins the progress line.
measure::MeasureOptions measure_options(Program& program, std::string label);

}  // namespace mote::cli
