// What a quantize job will write, decided before a tensor is read: types, sizes, methods, metadata, and the
// fingerprint by which a killed job finds its work again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "calibrate/statistics.h"
#include "formats/gguf_split.h"
#include "formats/metadata.h"
#include "model/model.h"
#include "mote/quantize.h"
#include "mote/result.h"
#include "mote/tokenizer.h"
#include "quantize/presets.h"

namespace mote::quantize {

// Changes whenever the bytes of any method change, so that a job begun by another version starts afresh.
inline constexpr std::string_view kBytesVersion = "mote-quantize-12";

struct Job {
  Preset preset;
  model::Model model;
  // What will be written, in the source's order, and which of its tensors each comes from. A factor (of
  // NVFP4) follows the tensor that it belongs to and has the same source.
  std::vector<formats::TensorInfo> outputs;
  std::vector<std::size_t> sources;
  calibrate::Statistics statistics;  // empty where none are given
  // Feedback goes matrix by matrix with the statistics' second moments: no text goes through the model as it
  // is quantized.
  bool stored_moments = false;
  // Those moments are observed first, the text going through the original.
  bool observes = false;
  QuantizeReport report;
};

bool is_factor(const Job& job, std::size_t output);
// Whether types are chosen for a size.
bool has_budget(const QuantizeOptions& options);
// Whether a method goes block by block on text.
bool goes_by_blocks(Method method);
// The same of a job, whose statistics may stand for the text.
bool goes_by_blocks(const QuantizeOptions& options, const Job& job);
// Whether feedback takes stored second moments: where there are some, and the text is missing or the model no
// dense decoder.
bool uses_stored_moments(const QuantizeOptions& options, const Job& job);
// Whether there are none and the text has to give them: of a model that is no dense decoder.
bool observes_moments(const QuantizeOptions& options, const Job& job);
// Whether the inputs of a tensor are there to calibrate: matrices of a block's dense network.
bool is_calibrated(const formats::TensorInfo& tensor);

// The options' rules, compiled. Errors: QUANT_PATTERN, QUANT_TYPE_UNKNOWN.
Result<TypeOptions> type_options(const QuantizeOptions& options);

// The preset's choices for the job's model.
Result<std::vector<TypeChoice>> preset_types(const QuantizeOptions& options, const Job& job);
// QUANT_METHOD where the model is none that the options' method takes, QUANT_REQUANTIZE where a size is
// wanted of one that is quantized.
Result<void> check_method(const QuantizeOptions& options, const Job& job);
// Outputs, sources and the report's rows of job.model in the types chosen; reads no tensor. Errors:
// QUANT_REQUANTIZE, QUANT_IMPORTANCE, QUANT_METHOD, QUANT_VERIFY.
Result<void> plan(const QuantizeOptions& options, std::span<const TypeChoice> choices, Job& job);

// GGUF keys of the result, without the preset's general.file_type.
Result<formats::Metadata> output_metadata(const QuantizeOptions& options, Job& job);
// Everything that decides the bytes. The writer compares metadata and tensor list on its own.
std::string fingerprint(const QuantizeOptions& options, const Job& job);
// Everything that decides what is found out before that, from the preset's choices on: also the model's keys
// and the tokens of the texts, which files beside the weights decide.
std::string work_fingerprint(const QuantizeOptions& options, const Job& job,
                             std::span<const TypeChoice> choices, const formats::Metadata& metadata,
                             std::span<const TokenId> tokens);
// QUANT_IN_PLACE where a file to be written is one of the input's.
Result<void> refuse_in_place(const Job& job, std::span<const formats::GgufPart> parts);
Error in_place(const std::filesystem::path& output);
// OUTPUT_CREATE where an output has no file name.
Result<void> refuse_without_name(const std::filesystem::path& output);

}  // namespace mote::quantize
