// What a model's matrices multiply, observed within a quantize job: for types that are chosen for a size, and
// for feedback on models that no text goes through block by block (mixtures of experts, encoders).
#pragma once

#include "engine/runtime.h"
#include "mote/quantize.h"
#include "mote/result.h"
#include "quantize/calibration.h"
#include "quantize/job_plan.h"

namespace mote::quantize {

// Second moments where they are wanted, importances of tensors of which the job's statistics have none: they
// are in job.statistics afterwards, the moments in a file without a name beside the output. Errors: those of
// calibrate::observe(), of room on the disk and of creating that file.
Result<void> observe_inputs(engine::Runtime& runtime, const QuantizeOptions& options,
                            const Calibration& calibration, bool with_moments, Job& job);

// The memory that takes, told to the caller and held to the limit. QUANT_MEMORY, OUT_OF_MEMORY.
Result<void> plan_observing(engine::Runtime& runtime, const QuantizeOptions& options,
                            const Calibration& calibration, Job& job);

}  // namespace mote::quantize
