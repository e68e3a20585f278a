#include "mote/calibrate.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/strings.h"
#include "calibrate/observer.h"
#include "calibrate/statistics.h"
#include "calibrate/statistics_file.h"
#include "calibrate/windows.h"
#include "engine/loaded_model.h"
#include "model/tensor_names.h"
#include "sys/atomic_file.h"

namespace mote::calibrate {
namespace {

constexpr ErrorCode kCalibrationEmpty{"CALIBRATION_EMPTY", ErrorKind::invalid_argument};
constexpr ErrorCode kCalibrationForm{"CALIBRATION_FORM", ErrorKind::invalid_argument};
constexpr ErrorCode kCalibrationMemory{"CALIBRATION_MEMORY", ErrorKind::resource_exhausted};

// Told to the caller and held to the limit.
Result<void> plan_memory(engine::Runtime& runtime, const engine::LoadedModel& model,
                         const CalibrateOptions& options, const Windows& windows, CalibrateReport& report) {
  const auto needed = observer_bytes(model, windows, runtime.pool().size(), options.second_moments);
  if (!needed) return Error{kOutOfMemory, "the memory that calibrating needs is beyond counting", {}, {}, {}};
  report.planned_memory = *needed;
  if (options.on_memory) options.on_memory(*needed);
  if (options.max_memory == 0 || *needed <= options.max_memory) return {};
  const std::uint64_t excess = *needed - options.max_memory;
  const std::uint64_t per_window = windows.window * model.spec().width * sizeof(float);
  const std::uint64_t fewer = (excess + per_window - 1) / per_window;
  std::string hint = "allow more, or take shorter windows (-c)";
  if (options.second_moments) {
    hint = fewer < windows.count()
               ? "allow more, or take " + std::to_string(windows.count() - fewer) + " windows (--chunks)"
               : "allow more, or leave out --hessian";
  }
  return Error{kCalibrationMemory,
               "calibrating on " + with_thousands(windows.count()) + " windows needs " +
                   human_bytes(*needed) + " of memory, more than the " + human_bytes(options.max_memory) +
                   " allowed",
               std::move(hint),
               options.input.string(),
               {}};
}

Result<Statistics> observe_texts(engine::Runtime& runtime, const engine::LoadedModel& model,
                                 const CalibrateOptions& options, CalibrateReport& report) {
  MOTE_ASSIGN(Windows windows, windows_of(model, options.text));
  MOTE_TRY(plan_memory(runtime, model, options, windows, report));
  Statistics out;
  std::shared_ptr<SpilledMoments> moments;
  if (options.second_moments) {
    const std::filesystem::path folder = options.output.parent_path();
    const model::ModelSpec& spec = model.spec();
    // Once aside, once in the file.
    const Checked space =
        all_moments_bytes(*model.model().canonical, spec.blocks, model::head_name(spec)) * 2;
    MOTE_TRY(sys::check_free_space(folder, space.value().value_or(UINT64_MAX)));
    MOTE_ASSIGN(moments, SpilledMoments::create(folder));
  }
  const auto begin = [&](std::size_t done, std::size_t total) {
    if (options.progress) options.progress({done, total, moments ? "step" : "window"});
  };
  MOTE_ASSIGN(out.inputs, observe(runtime, model, windows, options.cancel, begin, moments.get()));
  out.moments = moments;
  for (const std::filesystem::path& file : options.text.files) {
    out.datasets.push_back(file.filename().string());
  }
  out.windows = windows.count();
  out.window = windows.window;
  out.tokens = std::move(windows.tokens);
  report.windows = out.windows;
  report.warnings.insert(report.warnings.end(), windows.warnings.begin(), windows.warnings.end());
  return out;
}

Result<CalibrateReport> run(engine::Runtime& runtime, const CalibrateOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (options.text.files.empty() && options.merge.empty()) {
    return Error{kCalibrationEmpty,
                 "there is no text to calibrate with and nothing to merge",
                 "give --data FILE",
                 {},
                 {}};
  }
  if (options.second_moments && is_older_form(options.output)) {
    return Error{kCalibrationForm,
                 "the older form of an importance matrix has no place for second moments",
                 "name the output .gguf, or leave out --hessian",
                 options.output.string(),
                 {}};
  }
  std::vector<Statistics> earlier;
  for (const std::filesystem::path& path : options.merge) {
    MOTE_ASSIGN(earlier.emplace_back(), read_statistics(path));
  }
  engine::LoadOptions load;
  load.activations = engine::Activations::f32;
  load.need_tokenizer = !options.text.files.empty();
  MOTE_ASSIGN(const auto model, engine::LoadedModel::load(runtime, options.input, load));
  CalibrateReport report;
  Statistics statistics;
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    MOTE_TRY(in_file(options.merge[i], check_statistics(earlier[i], *model->model().canonical, 0)));
    MOTE_TRY(in_file(options.merge[i], merge(statistics, earlier[i])));
  }
  const bool have_moments =
      std::ranges::any_of(earlier, [](const Statistics& s) { return s.moments != nullptr; });
  if (options.second_moments && !earlier.empty() && statistics.moments == nullptr) {
    return Error{kCalibrationForm,
                 "not all of the statistics that are to be added have the same second moments",
                 "calibrate each with --hessian, or leave it out",
                 options.merge.front().string(),
                 {}};
  }
  if (!options.text.files.empty()) {
    MOTE_ASSIGN(const Tokenizer* tokenizer, model->require_tokenizer());
    report.warnings.assign(tokenizer->warnings().begin(), tokenizer->warnings().end());
    MOTE_ASSIGN(const Statistics own, observe_texts(runtime, *model, options, report));
    MOTE_TRY(merge(statistics, own));
  }
  if (auto few = warning_of_few(statistics)) report.warnings.push_back(*std::move(few));
  if ((have_moments || options.second_moments) && statistics.moments == nullptr) {
    report.warnings.emplace_back("second moments are left out: not all of what was added has the same ones");
  }
  MOTE_ASSIGN(report.bytes, write_statistics(statistics, options.output));
  report.tensors = statistics.inputs.size();
  if (statistics.moments != nullptr) report.moments = statistics.moments->entries().size();
  for (const auto& [name, of] : statistics.inputs) {
    if (of.counts.size() == 1) report.tokens = std::max<std::size_t>(report.tokens, of.counts[0]);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace

Result<CalibrateReport> calibrate(engine::Runtime& runtime, const CalibrateOptions& options) {
  try {
    return run(runtime, options);
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory,
                 "out of memory while calibrating",
                 "use shorter windows (-c)",
                 options.input.string(),
                 {}};
  }
}

}  // namespace mote::calibrate
