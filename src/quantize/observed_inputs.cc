#include "quantize/observed_inputs.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
#include "calibrate/moment_store.h"
#include "calibrate/observer.h"
#include "model/tensor_names.h"
#include "sys/atomic_file.h"

namespace mote::quantize {

Result<void> observe_inputs(engine::Runtime& runtime, const QuantizeOptions& options,
                            const Calibration& calibration, bool with_moments, Job& job) {
  if (!with_moments && !job.statistics.inputs.empty()) return {};
  std::shared_ptr<calibrate::SpilledMoments> moments;
  if (with_moments) {
    const std::filesystem::path folder =
        options.scratch_folder.empty() ? options.output.parent_path() : options.scratch_folder;
    const Checked space = calibrate::all_moments_bytes(*job.model.canonical, job.model.spec.blocks,
                                                       model::head_name(job.model.spec));
    MOTE_TRY(sys::check_free_space(folder, space.value().value_or(UINT64_MAX)));
    MOTE_ASSIGN(moments, calibrate::SpilledMoments::create(folder));
  }
  QuantizeProgress progress;
  progress.what = "observing";
  const auto begin = [&](std::size_t done, std::size_t total) {
    progress.tensor = progress.done_bytes = done;
    progress.tensor_count = progress.total_bytes = total;
    if (options.progress) options.progress(progress);
  };
  MOTE_ASSIGN(calibrate::SumsByTensor inputs,
              calibrate::observe(runtime, *calibration.model, calibration.windows, options.cancel, begin,
                                 moments.get()));
  // Importances stay those that were given.
  job.statistics.inputs.merge(inputs);
  job.statistics.moments = std::move(moments);
  return {};
}

Result<void> plan_observing(engine::Runtime& runtime, const QuantizeOptions& options,
                            const Calibration& calibration, Job& job) {
  const calibrate::Windows& windows = calibration.windows;
  return hold_to_limit(options,
                       calibrate::observer_bytes(*calibration.model, windows, runtime.pool().size(), true),
                       "observing inputs on " + with_thousands(windows.count()) + " windows",
                       "allow more, take fewer windows (--chunks), or use --method search", job.report);
}

}  // namespace mote::quantize
