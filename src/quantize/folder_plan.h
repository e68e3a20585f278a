// What a folder job will write, decided before a weight is read.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <vector>

#include "calibrate/statistics.h"
#include "codec/scale_type.h"
#include "formats/hf_quantized/pack.h"
#include "formats/safetensors_writer.h"
#include "model/hf_matrices.h"
#include "model/model.h"
#include "mote/quantize.h"
#include "mote/result.h"

namespace mote::quantize {

// A tensor of the input and what becomes of it.
struct FolderTensor {
  std::size_t source = 0;                       // index in the checkpoint's tensors
  std::size_t first = 0;                        // of what is written of it
  std::optional<model::HfMatrix> matrix;        // nothing: copied
  std::optional<model::HfVector> vector;        // copied unless a transform has changed it
  std::optional<formats::PackedWeight> packed;  // of a matrix
};

struct FolderPlan {
  model::Model model;
  CodecId type = CodecId::f32;
  CodecId dense = CodecId::f32;  // of the matrices before
  codec::ScaleType scales = codec::ScaleType::f32;
  std::vector<FolderTensor> tensors;           // the report has a row for each
  std::vector<formats::StoredTensor> written;  // the file's, in order
  calibrate::Statistics statistics;            // empty where none are given
  std::set<std::size_t> changed;               // canonical tensors that transforms have changed
  QuantizeReport report;
};

// Errors: those of opening a model and statistics; QUANT_INPUT, QUANT_OUTPUT, QUANT_GROUP, QUANT_REQUANTIZE,
// QUANT_METHOD.
Result<FolderPlan> plan_folder(const QuantizeOptions& options);

}  // namespace mote::quantize
