#include "quantize/sized_job.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
#include "calibrate/observer.h"
#include "formats/gguf_layout.h"
#include "model/tensor_names.h"
#include "quantize/allocate/sensitivity.h"
#include "quantize/feedback/feedback_kernels.h"
#include "quantize/observed_inputs.h"
#include "quantize/quantize.h"
#include "quantize/search.h"
#include "quantize/stored_feedback.h"

namespace mote::quantize {
namespace {

// What the tensors may take.
Result<std::uint64_t> budget_of(const QuantizeOptions& options, const formats::Metadata& metadata,
                                std::span<const formats::TensorInfo> tensors) {
  if (options.max_bpw > 0) {
    double weights = 0;
    for (const formats::TensorInfo& t : tensors) {
      weights += static_cast<double>(t.shape.element_count().value().value_or(0));
    }
    return static_cast<std::uint64_t>(options.max_bpw * weights / 8.0);
  }
  // Types have numbers of one size: the header's bytes do not depend on them.
  MOTE_ASSIGN(const formats::GgufLayout layout, formats::layout_gguf(metadata, tensors));
  if (options.max_bytes > layout.header.size()) return options.max_bytes - layout.header.size();
  return Error{kQuantBudget,
               "the file's header alone takes " + human_bytes(layout.header.size()),
               "allow more",
               {},
               {}};
}

// What the inputs are is observed, then tensors are compared.
Result<void> plan_memory(engine::Runtime& runtime, const QuantizeOptions& options,
                         const Calibration& calibration, bool with_moments, Job& job) {
  const unsigned threads = runtime.pool().size();
  const auto observing =
      calibrate::observer_bytes(*calibration.model, calibration.windows, threads, with_moments);
  const auto probing =
      sensitivity_bytes(job.model.spec, calibration.windows.tokens.size(), SensitivityOptions(), threads);
  Checked comparing = 0;
  for (const formats::TensorInfo& t : job.model.canonical->tensors()) {
    if (!is_calibrated(t) && t.name != model::head_name(job.model.spec)) continue;
    // In the widest of the types, and as floats a portion at a time.
    const auto own = (Checked(t.shape.element_count()) +
                      Checked(stored_feedback_bytes(t.shape.cols(), t.shape.rows()).value_or(UINT64_MAX)))
                         .value();
    if (!own) return hold_to_limit(options, std::nullopt, "", "", job.report);
    comparing = std::max(comparing.value().value_or(0), *own);
  }
  std::optional<std::uint64_t> needed;
  if (observing && probing)
    needed = std::max(*observing, (Checked(*probing) + comparing).value().value_or(UINT64_MAX));
  return hold_to_limit(
      options, needed,
      "choosing types for a size on " + with_thousands(calibration.windows.count()) + " windows",
      "allow more, take fewer windows (--chunks), or name a --type", job.report);
}

}  // namespace

Result<Allocated> allocate_types(engine::Runtime& runtime, const QuantizeOptions& options,
                                 const sys::CpuFeatures& features, const Calibration& calibration,
                                 const formats::Metadata& metadata, std::span<const TypeChoice> settled,
                                 JobLog& log, Job& job) {
  const std::span<const formats::TensorInfo> tensors = job.model.canonical->tensors();
  AllocationOptions how;
  MOTE_ASSIGN(how.bytes, budget_of(options, metadata, tensors));
  MOTE_ASSIGN(std::vector<TypeCosts> costs, candidate_types(tensors, settled, how.bytes));
  // What an earlier run has measured needs no inputs.
  MOTE_ASSIGN(const bool measured, is_measured(log, costs));
  const bool with_moments = goes_by_blocks(options.method) && job.statistics.moments == nullptr && !measured;
  MOTE_TRY(plan_memory(runtime, options, calibration, with_moments, job));
  MOTE_TRY(observe_inputs(runtime, options, calibration, with_moments, job));
  QuantizeProgress progress;
  progress.tensor_count = tensors.size();
  how.feedback = goes_by_blocks(options.method);
  how.search = &search_kernels(features);
  how.kernels = &feedback_kernels(features);
  how.log = &log;
  how.cancel = options.cancel;
  how.begin = [&](std::string_view what, std::size_t tensor) {
    progress.what = what;
    progress.tensor = tensor;
    progress.name = tensors[tensor].name;
    progress.done_bytes = tensor;
    progress.total_bytes = tensors.size();
    if (options.progress) options.progress(progress);
  };
  MOTE_TRY(measure_costs(runtime, calibration, job.statistics, how, costs));
  // Nothing else of a job for a size takes them.
  job.statistics.moments.reset();
  return allocate(costs, how.bytes);
}

CodecId usual_type(const Job& job, std::span<const TypeChoice> choices) {
  std::map<CodecId, std::uint64_t> weights;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    weights[choices[i].type] += job.model.canonical->tensors()[i].shape.element_count().value().value_or(0);
  }
  return std::ranges::max_element(weights, {}, [](const auto& entry) { return entry.second; })->first;
}

}  // namespace mote::quantize
