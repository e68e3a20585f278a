#include "quantize/calibration.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
#include "calibrate/statistics_file.h"
#include "engine/session.h"
#include "model/spec.h"
#include "quantize/equivalent/choose_maps.h"
#include "quantize/equivalent/transform.h"
#include "quantize/job_plan.h"
#include "quantize/quantize.h"

namespace mote::quantize {
namespace {

Result<calibrate::Windows> windows_of(const calibrate::Statistics& statistics,
                                      const engine::LoadedModel& model, const QuantizeOptions& options) {
  if (statistics.tokens.empty()) {
    return Error{
        kQuantMethod,
        "feedback and sizes need the tokens of the calibration text, which these statistics do not have",
        "give --data too, or --method search",
        options.statistics.string(),
        {}};
  }
  if (options.text.max_windows == 0) {
    return Error{calibrate::kCalibrationWindow,
                 "no windows have nothing to learn from",
                 "ask for at least one",
                 options.statistics.string(),
                 {}};
  }
  MOTE_TRY(calibrate::in_file(options.statistics, engine::check_tokens(statistics.tokens, model.vocab(), 0,
                                                                       statistics.tokens.size())));
  calibrate::Windows out{statistics.window, statistics.tokens, {}};
  if (out.window > model.spec().context) {
    return Error{calibrate::kStatisticsModel,
                 "the statistics are of windows of " + with_thousands(out.window) +
                     " tokens, more than the model takes (" + with_thousands(model.spec().context) + ")",
                 "calibrate the model that is to be quantized",
                 options.statistics.string(),
                 {}};
  }
  out.tokens.resize(std::min(out.count(), options.text.max_windows) * out.window);
  return out;
}

}  // namespace

Result<Calibration> prepare_calibration(engine::Runtime& runtime, const QuantizeOptions& options,
                                        const calibrate::Statistics& statistics) {
  Calibration out;
  engine::LoadOptions load;
  load.activations = engine::Activations::f32;
  load.need_tokenizer = !options.text.files.empty();
  MOTE_ASSIGN(out.model, engine::LoadedModel::load(runtime, options.input, load));
  if (options.text.files.empty()) {
    MOTE_ASSIGN(out.windows, windows_of(statistics, *out.model, options));
  } else {
    MOTE_ASSIGN(out.windows, calibrate::windows_of(*out.model, options.text));
  }
  return out;
}

std::optional<std::uint64_t> calibrated_bytes(const QuantizeOptions& options, const model::Model& model,
                                              FeedbackSize size) {
  const bool feedback = goes_by_blocks(options.method);
  if (!feedback) size.windows = std::min(size.windows, MapOptions().windows);
  const auto needed = feedback ? feedback_bytes(model.spec, size) : transform_bytes(model.spec, size);
  if (!needed || transforms_of(options).empty()) return needed;
  Checked out = *needed;
  for (const formats::TensorInfo& t : model.canonical->tensors()) {
    if (is_calibrated(t)) out = out + t.shape.element_count() * sizeof(float);
  }
  return out.value();
}

Result<void> hold_to_limit(const QuantizeOptions& options, std::optional<std::uint64_t> needed,
                           const std::string& what, std::string hint, QuantizeReport& report) {
  if (!needed) return Error{kOutOfMemory, "the memory that the job needs is beyond counting", {}, {}, {}};
  report.planned_memory = std::max(report.planned_memory, *needed);
  if (options.on_memory) options.on_memory(*needed);
  if (options.max_memory == 0 || *needed <= options.max_memory) return {};
  return Error{kQuantMemory,
               what + " needs " + human_bytes(*needed) + " of memory, more than the " +
                   human_bytes(options.max_memory) + " allowed",
               std::move(hint),
               options.input.string(),
               {}};
}

Result<void> check_memory(const QuantizeOptions& options, std::optional<std::uint64_t> needed,
                          const model::ModelSpec& spec, const FeedbackSize& size, QuantizeReport& report) {
  std::string hint = "allow more, or use --method search";
  if (needed && options.max_memory > 0 && *needed > options.max_memory) {
    // Hidden states, of both models while feedback runs.
    const std::uint64_t models = options.method == Method::learned ? 1 : 2;
    const std::uint64_t per_window = models * size.window * spec.width * sizeof(float);
    const std::uint64_t fewer = (*needed - options.max_memory + per_window - 1) / per_window;
    if (fewer < size.windows) {
      hint = "allow more, or take " + std::to_string(size.windows - fewer) + " windows (--chunks)";
    }
  }
  return hold_to_limit(
      options, needed,
      std::string(to_string(options.method)) + " on " + with_thousands(size.windows) + " windows",
      std::move(hint), report);
}

}  // namespace mote::quantize
