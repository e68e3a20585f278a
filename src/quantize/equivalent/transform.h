// A job's model and all that is known of it, turned into an equivalent one (choose_maps.h).
#pragma once

#include <cstddef>
#include <set>
#include <vector>

#include "calibrate/statistics.h"
#include "engine/runtime.h"
#include "formats/tensor_source.h"
#include "model/model.h"
#include "mote/quantize.h"
#include "mote/result.h"
#include "quantize/calibration.h"
#include "quantize/equivalent/channel_map.h"
#include "quantize/equivalent/choose_maps.h"
#include "quantize/search_kernels.h"

namespace mote::quantize {

// What the options ask for, the one that a method brings included.
std::vector<Transform> transforms_of(const QuantizeOptions& options);

// Statistics of the model's inputs as they are after the changes. Of turned heads the diagonal alone is not
// enough to say: each of their channels has the mean of its head.
void carry_statistics(const TensorChanges& changes, const formats::TensorSource& tensors,
                      calibrate::Statistics& statistics);

struct Transformed {
  std::set<std::size_t> changed;  // canonical tensors
  TransformReport report;
};

// Chooses the changes for the types wanted; the model and its statistics, and the calibration's model, have
// them afterwards. Where the method weighs by statistics and there are none, they are observed. Errors:
// QUANT_METHOD where a matrix that would change is quantized already; those of choose_maps() and of loading.
Result<Transformed> transform(engine::Runtime& runtime, const QuantizeOptions& options,
                              const TransformTypes& types, const SearchKernels& search,
                              Calibration& calibration, model::Model& model,
                              calibrate::Statistics& statistics);

}  // namespace mote::quantize
