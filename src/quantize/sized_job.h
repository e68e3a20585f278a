// The part of a quantize job that chooses types for a size: what the inputs are is observed where the
// statistics do not say it, candidates are compared (allocate/), the best set is taken.
#pragma once

#include <span>

#include "engine/runtime.h"
#include "formats/metadata.h"
#include "mote/result.h"
#include "quantize/allocate/allocation.h"
#include "quantize/calibration.h"
#include "quantize/job_log.h"
#include "quantize/job_plan.h"
#include "sys/cpu_features.h"

namespace mote::quantize {

// settled: the preset's choices. What was measured is kept in `log`; job.statistics has importances
// afterwards. Errors: QUANT_BUDGET before anything runs, QUANT_MEMORY, those of observe() and
// measure_costs().
Result<Allocated> allocate_types(engine::Runtime& runtime, const QuantizeOptions& options,
                                 const sys::CpuFeatures& features, const Calibration& calibration,
                                 const formats::Metadata& metadata, std::span<const TypeChoice> settled,
                                 JobLog& log, Job& job);

// The type of most weights.
CodecId usual_type(const Job& job, std::span<const TypeChoice> choices);

}  // namespace mote::quantize
