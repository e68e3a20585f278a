// A type for each tensor, so that a file of a given size loses as little as possible.
//
// A tensor's cost in a type is what it does to the whole model in one type, measured (sensitivity.h), times
// the ratio of its errors in the two types; costs add up. Where feedback follows, probes have codes of
// feedback, and errors are those of the products with the inputs after it, of a sample of rows: what feedback
// leaves of the search's error differs by type and matrix. The types are those with free codes, which every
// engine reads and feedback improves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "calibrate/statistics.h"
#include "engine/runtime.h"
#include "mote/cancel.h"
#include "mote/error.h"
#include "mote/result.h"
#include "quantize/calibration.h"
#include "quantize/feedback/feedback_kernels.h"
#include "quantize/job_log.h"
#include "quantize/presets.h"
#include "quantize/search_kernels.h"

namespace mote::quantize {

constexpr ErrorCode kQuantBudget{"QUANT_BUDGET", ErrorKind::resource_exhausted};

struct AllocationOptions {
  std::uint64_t bytes = 0;  // what all tensors may take; decides which type is probed
  // Tensors with second moments in the statistics will have it.
  bool feedback = false;
  const SearchKernels* search = nullptr;
  const FeedbackKernels* kernels = nullptr;
  JobLog* log = nullptr;  // what was measured goes there, and is not measured again
  const CancelToken* cancel = nullptr;
  std::function<void(std::string_view what, std::size_t tensor)> begin;
};

// What one tensor costs in each of the types that it may have.
struct TypeCosts {
  std::vector<CodecId> types;
  std::vector<std::uint64_t> bytes;  // padded as in a GGUF file
  std::vector<double> cost;          // nats
};

// The types that each tensor may have, at no cost yet; those whose type is settled (`settled`: given, or not
// quantized at all) have that one alone. QUANT_BUDGET where the smallest ones exceed `bytes` (says the least
// that would do), OUT_OF_MEMORY.
Result<std::vector<TypeCosts>> candidate_types(std::span<const formats::TensorInfo> tensors,
                                               std::span<const TypeChoice> settled, std::uint64_t bytes);
// Whether the log has all that measure_costs() would measure. Errors: IO_READ.
Result<bool> is_measured(const JobLog& log, std::span<const TypeCosts> costs);

// The costs of candidate_types() of the calibration's model. Errors: those of reading tensors and probing,
// OUT_OF_MEMORY, CANCELLED.
Result<void> measure_costs(engine::Runtime& runtime, const Calibration& calibration,
                           const calibrate::Statistics& statistics, const AllocationOptions& options,
                           std::vector<TypeCosts>& costs);

// The best choice within `bytes` of tensors. QUANT_BUDGET with the least bytes that would do.
struct Allocated {
  std::vector<TypeChoice> choices;
  std::vector<double> expected_kld;
};
Result<Allocated> allocate(std::span<const TypeCosts> costs, std::uint64_t bytes);

}  // namespace mote::quantize
