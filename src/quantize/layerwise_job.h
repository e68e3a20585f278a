// The part of a quantize job that goes block by block on text (layerwise.h): what it makes is written as it
// comes, or once its factors have learned.
#pragma once

#include <string_view>
#include <vector>

#include "engine/runtime.h"
#include "formats/gguf_writer.h"
#include "mote/result.h"
#include "quantize/calibration.h"
#include "quantize/job_log.h"
#include "quantize/job_plan.h"
#include "sys/cpu_features.h"

namespace mote::quantize {

inline constexpr std::string_view kOnLattice = "lattice";  // TensorReport::method

// What a type with a factor of the tensor (NVFP4) has its values divided by.
float factor_of(sys::ThreadPool& pool, const QuantizedTensor& in);

// The tensors whose type changes; `written` says which ones are, errors go to the report. What an earlier run
// made is taken from `log` and `writer`. Errors: those of quantize_layerwise() and tune_factors(), IO_WRITE.
Result<void> write_layerwise(engine::Runtime& runtime, const Calibration& calibration,
                             const QuantizeOptions& options, const sys::CpuFeatures& features, JobLog& log,
                             Job& job, formats::GgufWriter& writer, std::vector<bool>& written);

}  // namespace mote::quantize
