#include "quantize/folder_plan.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/strings.h"
#include "calibrate/statistics_file.h"
#include "codec/affine.h"
#include "codec/codec.h"
#include "quantize/quantize.h"
#include "quantize/search.h"

namespace mote::quantize {
namespace {

using codec::codec_of;

// Options that choose types one by one or cut files are those of GGUF.
Result<void> check_options(const QuantizeOptions& options) {
  std::string_view option;
  if (options.max_bytes > 0 || options.max_bpw > 0) option = "a size to choose types for";
  if (!options.tensor_types.empty()) option = "types of single tensors";
  if (!options.embedding_type.empty() || !options.output_type.empty()) option = "types of embedding and head";
  if (options.split_max_bytes > 0 || options.split_max_tensors > 0) option = "splitting";
  if (option.empty()) return {};
  return Error{
      kQuantOutput,
      std::string(option) + " is for GGUF files: a folder has one type for the matrices of its blocks",
      "leave that out, or choose a type of GGUF files",
      {},
      {}};
}

Result<void> check_model(const QuantizeOptions& options, const model::Model& model) {
  const auto refused = [&](const std::string& what, const std::string& hint) {
    return Error{kQuantInput, what, hint, options.input.string(), {}};
  };
  if (model.checkpoint->kind != formats::CheckpointKind::huggingface) {
    return refused("a folder of type " + options.type + " is made from a Hugging Face folder, this is a " +
                       std::string(formats::to_string(model.checkpoint->kind)),
                   "give the folder with config.json and model.safetensors");
  }
  if (!model.spec.causal || model.spec.experts.count > 0) {
    return refused(std::string("folders are written of decoders with dense feed-forward networks, this is ") +
                       (model.spec.causal ? "a mixture of experts" : "an encoder"),
                   "choose a type of GGUF files");
  }
  return {};
}

bool divides(CodecId id, std::uint64_t cols) { return cols % codec_of(id).block_elements == 0; }

// Names of the types that differ from `id` in the group only and divide all rows, largest group first.
std::vector<CodecId> fitting_types(CodecId id, const std::set<std::uint64_t>& cols) {
  std::vector<CodecId> out;
  const auto format = codec::affine_format(id);
  if (!format) return out;
  for (const std::uint64_t group : {128U, 64U, 32U, 0U}) {
    const auto other = codec::find_affine(format->bits, group, format->asymmetric);
    if (other && std::ranges::all_of(cols, [&](std::uint64_t n) { return divides(*other, n); }))
      out.push_back(*other);
  }
  return out;
}

// The type, or with the fall-back the one of the largest group that divides all rows.
Result<CodecId> settle_group(const QuantizeOptions& options, CodecId id,
                             std::span<const model::HfMatrix> matrices, const formats::TensorSource& source,
                             QuantizeReport& report) {
  std::set<std::uint64_t> cols;
  const model::HfMatrix* bad = nullptr;
  for (const model::HfMatrix& m : matrices) {
    const std::uint64_t n = source.tensors()[m.source].shape.cols();
    cols.insert(n);
    if (bad == nullptr && !divides(id, n)) bad = &m;
  }
  if (bad == nullptr) return id;
  const std::string what = "rows of " + std::to_string(source.tensors()[bad->source].shape.cols()) +
                           " (tensor '" + escape_untrusted(bad->name) + "') are no multiple of " +
                           std::to_string(codec_of(id).block_elements);
  const std::vector<CodecId> fitting = fitting_types(id, cols);
  if (fitting.empty()) {
    return Error{kQuantGroup,
                 what + ", and no group divides all rows",
                 "choose a type of GGUF files",
                 options.input.string(),
                 {}};
  }
  const CodecId largest = fitting.front();
  if (options.group_fallback && !codec::affine_format(largest)->per_row) {
    report.warnings.push_back(what + ": " + std::string(codec_of(largest).name) + " instead of " +
                              std::string(codec_of(id).name) + " for all");
    return largest;
  }
  std::vector<std::string> names;
  names.reserve(fitting.size());
  for (const CodecId other : fitting) names.emplace_back(codec_of(other).name);
  return Error{kQuantGroup,
               what,
               "choose " + join(names, " or ") + ", or pass --group-fallback",
               options.input.string(),
               {}};
}

std::string_view method_of(const QuantizeOptions& options, CodecId id) {
  if (!has_search(id) || options.method == Method::rtn) return to_string(Method::rtn);
  return to_string(options.method);
}

std::string base_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

void add_row(FolderPlan& plan, const formats::TensorInfo& info, std::string_view type,
             std::string_view method, std::uint64_t bytes) {
  const std::span<const std::uint64_t> dims = info.shape.dims();
  plan.report.tensors.push_back(TensorReport{.name = info.name,
                                             .shape = {dims.begin(), dims.end()},
                                             .source_type = formats::type_name(info),
                                             .type = type,
                                             .method = method,
                                             .error = 0,
                                             .bytes = bytes});
  plan.report.parameters += info.shape.element_count().value().value_or(0);
}

Result<void> plan_tensors(const QuantizeOptions& options, std::vector<model::HfMatrix> matrices,
                          FolderPlan& plan) {
  const std::span<const formats::TensorInfo> tensors = plan.model.checkpoint->source->tensors();
  MOTE_ASSIGN(const std::vector<model::HfVector> vectors, model::hf_vectors(plan.model));
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const formats::TensorInfo& info = tensors[i];
    FolderTensor out;
    out.source = i;
    out.first = plan.written.size();
    const auto matrix = std::ranges::find(matrices, i, &model::HfMatrix::source);
    if (const auto vector = std::ranges::find(vectors, i, &model::HfVector::source); vector != vectors.end())
      out.vector = *vector;
    if (matrix == matrices.end()) {
      const std::uint64_t bytes = formats::stored_bytes(info);
      plan.written.push_back({info.name, formats::type_name(info), info.shape, bytes});
      add_row(plan, info, formats::type_name(info), "copy", bytes);
      total += bytes;
    } else {
      if (const auto fault = formats::shape_fault(plan.type, info.shape); !fault.empty()) {
        return Error{kQuantGroup,
                     "tensor '" + escape_untrusted(info.name) + "' has " + std::to_string(info.shape.rows()) +
                         " rows: " + std::string(fault),
                     "choose a type of 4 or 8 bits",
                     options.input.string(),
                     {}};
      }
      out.packed = formats::PackedWeight{plan.type, plan.dense, base_of(info.name), info.shape};
      std::uint64_t bytes = 0;
      for (formats::StoredTensor& part : formats::parts_of(*out.packed)) {
        bytes += part.bytes;
        plan.written.push_back(std::move(part));
      }
      out.matrix = std::move(*matrix);
      add_row(plan, info, codec_of(plan.type).name, method_of(options, plan.type), bytes);
      total += bytes;
    }
    plan.tensors.push_back(std::move(out));
  }
  const auto bytes = formats::SafetensorsWriter::file_bytes(plan.written);
  if (!bytes) return Error{kQuantVerify, "the tensors are too large", {}, options.input.string(), {}};
  plan.report.bytes = *bytes;
  plan.report.bpw = plan.report.parameters == 0
                        ? 0
                        : 8.0 * static_cast<double>(total) / static_cast<double>(plan.report.parameters);
  plan.report.files.push_back({options.output, *bytes, plan.written.size()});
  return {};
}

}  // namespace

Result<FolderPlan> plan_folder(const QuantizeOptions& options) {
  MOTE_TRY(check_options(options));
  FolderPlan plan;
  MOTE_ASSIGN(plan.model, model::open_model(options.input));
  MOTE_TRY(check_model(options, plan.model));
  if (!options.statistics.empty()) {
    MOTE_ASSIGN(plan.statistics, calibrate::read_statistics(options.statistics));
    MOTE_TRY(calibrate::in_file(options.statistics,
                                calibrate::check_statistics(plan.statistics, *plan.model.canonical)));
  }
  MOTE_ASSIGN(std::vector<model::HfMatrix> matrices, model::hf_matrices(plan.model));
  if (matrices.empty()) {
    return Error{kQuantInput, "the model has no matrices to quantize", {}, options.input.string(), {}};
  }
  const formats::TensorSource& source = *plan.model.checkpoint->source;
  for (const model::HfMatrix& m : matrices) {
    const formats::TensorInfo& info = source.tensors()[m.source];
    if (codec_of(info.codec).is_plain_float()) continue;
    return Error{kQuantRequantize,
                 "tensor '" + escape_untrusted(info.name) + "' is " + std::string(codec_of(info.codec).name) +
                     " already; making it " + options.type + " adds a second loss to the first",
                 "start from the 16-bit checkpoint",
                 options.input.string(),
                 {}};
  }
  MOTE_ASSIGN(plan.type,
              settle_group(options, codec::find_codec(options.type)->id, matrices, source, plan.report));
  plan.dense = source.tensors()[matrices.front().source].codec;
  plan.scales = formats::folder_scale_type(plan.type, plan.dense);
  plan.report.preset = codec_of(plan.type).name;
  plan.report.layout = formats::layout_name(plan.type);
  MOTE_TRY(plan_tensors(options, std::move(matrices), plan));
  return plan;
}

}  // namespace mote::quantize
