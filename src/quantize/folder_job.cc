#include "quantize/folder_job.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
#include "codec/codec.h"
#include "quantize/calibration.h"
#include "quantize/encode_tensor.h"
#include "quantize/equivalent/transform.h"
#include "quantize/fed_tensor.h"
#include "quantize/feedback/feedback_kernels.h"
#include "quantize/folder_files.h"
#include "quantize/folder_plan.h"
#include "quantize/job_plan.h"
#include "quantize/layerwise.h"
#include "quantize/quantize.h"
#include "quantize/search.h"
#include "sys/atomic_file.h"
#include "sys/atomic_folder.h"
#include "tensor/aligned_buffer.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;

class FolderJob {
 public:
  FolderJob(sys::ThreadPool& pool, const QuantizeOptions& options, const sys::CpuFeatures& features,
            FolderPlan& plan, formats::SafetensorsWriter& writer)
      : pool_(pool), options_(options), features_(features), plan_(plan), writer_(writer) {
    progress_.what = "quantizing";
    progress_.tensor_count = plan.tensors.size();
    for (const FolderTensor& t : plan.tensors) progress_.total_bytes += info(t).bytes;
    written_.resize(plan.tensors.size());
  }

  // The matrices, block by block on calibration text.
  Result<void> feed(engine::Runtime& runtime, const Calibration& calibration) {
    LayerwiseWork work;
    std::vector<std::size_t> tensor_of(plan_.model.canonical->tensors().size());
    for (const formats::TensorInfo& t : plan_.model.canonical->tensors()) work.types.push_back(t.codec);
    for (std::size_t i = 0; i < plan_.tensors.size(); ++i) {
      const FolderTensor& t = plan_.tensors[i];
      if (!t.matrix) continue;
      tensor_of[t.matrix->canonical] = i;
      work.types[t.matrix->canonical] = plan_.type;
    }
    work.begin = [&](std::size_t index) { begin(tensor_of[index]); };
    work.plain = [&](std::size_t index, const QuantizedTensor& in, std::span<const float> importance,
                     std::span<std::byte> out) {
      return encode(tensor_of[index], Method::search, in, importance, out);
    };
    work.done = [&](std::size_t index, std::span<const std::byte> blocks, const EncodeError& error) {
      return write(tensor_of[index], blocks, error);
    };
    LayerwiseOptions how;
    how.window = calibration.windows.window;
    how.search = &search_kernels(features_);
    how.kernels = &feedback_kernels(features_);
    how.scales = plan_.scales;
    how.cancel = options_.cancel;
    return quantize_layerwise(runtime, *calibration.model, calibration.windows.tokens, how, work);
  }

  // Everything that is not written yet.
  Result<void> finish() {
    const formats::TensorSource& source = *plan_.model.checkpoint->source;
    for (std::size_t i = 0; i < plan_.tensors.size(); ++i) {
      const FolderTensor& tensor = plan_.tensors[i];
      if (written_[i]) continue;
      begin(i);
      if (options_.cancel != nullptr && options_.cancel->requested()) {
        return Error{
            kCancelled,
            "quantizing stopped before tensor '" + escape_untrusted(info(tensor).name) + "' was written",
            "run the same command again",
            {},
            {}};
      }
      if (tensor.matrix) {
        MOTE_TRY(quantize(i));
      } else if (tensor.vector && plan_.changed.contains(tensor.vector->canonical)) {
        MOTE_TRY(write_vector(tensor));
      } else {
        MOTE_TRY(source.check());
        MOTE_TRY(writer_.write(tensor.first, source.stored(tensor.source)));
      }
      // Mapped bytes may have turned into zeros under a handler of SIGBUS: what was made of them is not kept.
      MOTE_TRY(source.check());
      source.dont_need(tensor.source);
    }
    return {};
  }

 private:
  [[nodiscard]] const formats::TensorInfo& info(const FolderTensor& tensor) const {
    return plan_.model.checkpoint->source->tensors()[tensor.source];
  }

  void begin(std::size_t i) {
    progress_.tensor = i;
    progress_.name = plan_.report.tensors[i].name;
    if (options_.progress) options_.progress(progress_);
    progress_.done_bytes += info(plan_.tensors[i]).bytes;
  }

  Result<EncodeError> encode(std::size_t i, Method method, const QuantizedTensor& in,
                             std::span<const float> importance, std::span<std::byte> out) {
    const std::string& canonical = plan_.model.canonical->tensors()[plan_.tensors[i].matrix->canonical].name;
    const std::vector<float> given =
        importance.empty() ? calibrate::importance_of(plan_.statistics, canonical, in.shape.cols())
                           : std::vector<float>();
    EncodeJob job;
    job.type = plan_.type;
    job.method = method;
    job.kernels = &search_kernels(features_);
    job.weighting = weighting_of(canonical, plan_.type);
    job.importance = importance.empty() ? std::span<const float>(given) : importance;
    job.scales = plan_.scales;
    job.cancel = options_.cancel;
    return encode_tensor(pool_, job, plan_.report.tensors[i].name, in, out);
  }

  Result<void> quantize(std::size_t i) {
    const FolderTensor& tensor = plan_.tensors[i];
    MOTE_ASSIGN(const QuantizedTensor in, plan_.model.canonical->read(tensor.matrix->canonical));
    const auto bytes = codec::tensor_bytes(codec::codec_of(plan_.type), in.shape).value().value_or(0);
    AlignedBuffer blocks(bytes);
    if (blocks.size() < bytes) {
      return Error{
          kOutOfMemory, "no memory for tensor '" + escape_untrusted(info(tensor).name) + "'", {}, {}, {}};
    }
    const std::span<std::byte> out(blocks.data(), bytes);
    const Method method = options_.method == Method::rtn ? Method::rtn : Method::search;
    MOTE_ASSIGN(const EncodeError error, encode(i, method, in, {}, out));
    return write(i, out, error);
  }

  // A norm or a bias that transforms have changed, in the type that it had.
  Result<void> write_vector(const FolderTensor& tensor) {
    MOTE_ASSIGN(const QuantizedTensor in, plan_.model.canonical->read(tensor.vector->canonical));
    const std::size_t n = info(tensor).shape.element_count().value().value_or(0);
    std::vector<float> values(n);
    codec::codec_of(in.codec).decode(in.blocks().data(), values.data(), n);
    for (float& v : values) v -= tensor.vector->offset;
    const codec::Codec& codec = codec::codec_of(info(tensor).codec);
    std::vector<std::byte> out(n * codec.block_bytes);
    codec.encode_rtn(values.data(), out.data(), n);
    return writer_.write(tensor.first, out);
  }

  // blocks: rows in canonical order.
  Result<void> write(std::size_t i, std::span<const std::byte> blocks, const EncodeError& error) {
    const FolderTensor& tensor = plan_.tensors[i];
    plan_.report.tensors[i].error = error.relative();
    plan_.report.tensors[i].searched_error = error.searched();
    std::vector<std::byte> restored;
    if (tensor.matrix->permuted_heads > 0) {
      restored.resize(blocks.size());
      model::restore_rows(blocks, blocks.size() / info(tensor).shape.rows(), tensor.matrix->permuted_heads,
                          restored);
      blocks = restored;
    }
    MOTE_ASSIGN(const auto parts, formats::pack_weight(*tensor.packed, blocks));
    for (std::size_t p = 0; p < parts.size(); ++p) MOTE_TRY(writer_.write(tensor.first + p, parts[p]));
    written_[i] = true;
    return {};
  }

  sys::ThreadPool& pool_;
  const QuantizeOptions& options_;
  const sys::CpuFeatures& features_;
  FolderPlan& plan_;
  formats::SafetensorsWriter& writer_;
  QuantizeProgress progress_;
  std::vector<bool> written_;
};

Result<void> plan_memory(const sys::ThreadPool& pool, const QuantizeOptions& options,
                         const Calibration& calibration, FolderPlan& plan) {
  FeedbackSize size{
      .windows = calibration.windows.count(), .window = calibration.windows.window, .threads = pool.size()};
  for (const FolderTensor& t : plan.tensors) {
    if (!t.matrix) continue;
    const Shape& shape = plan.model.checkpoint->source->tensors()[t.source].shape;
    size.largest_cols = std::max(size.largest_cols, shape.cols());
    const Checked rows = Checked(std::min<std::uint64_t>(kFeedbackRows, shape.rows()));
    const Checked bytes =
        rows * shape.cols() * sizeof(float) + codec::tensor_bytes(codec::codec_of(plan.type), shape);
    size.largest_bytes = std::max(size.largest_bytes, bytes.value().value_or(UINT64_MAX));
  }
  return check_memory(options, calibrated_bytes(options, plan.model, size), plan.model.spec, size,
                      plan.report);
}

// The model in a form that computes the same and loses less.
Result<void> transform(engine::Runtime& runtime, const QuantizeOptions& options,
                       const sys::CpuFeatures& features, Calibration& calibration, FolderPlan& plan) {
  TransformTypes types;
  for (const formats::TensorInfo& t : plan.model.canonical->tensors()) types.tensors.push_back(t.codec);
  for (const FolderTensor& t : plan.tensors) {
    if (t.matrix) types.tensors[t.matrix->canonical] = plan.type;
    if (!t.vector) continue;
    types.vectors = plan.model.checkpoint->source->tensors()[t.source].codec;
    const std::string& name = plan.model.canonical->tensors()[t.vector->canonical].name;
    if (name.ends_with("norm.weight")) types.norm_offset = t.vector->offset;
  }
  types.scales = plan.scales;
  MOTE_ASSIGN(Transformed made, transform(runtime, options, types, search_kernels(features), calibration,
                                          plan.model, plan.statistics));
  plan.changed = std::move(made.changed);
  plan.report.transforms = made.report;
  return {};
}

Result<void> write_folder(sys::ThreadPool& pool, const QuantizeOptions& options,
                          const sys::CpuFeatures& features, engine::Runtime* runtime, FolderPlan& plan) {
  Calibration calibration;
  // FP8 is rounded, whatever the text says.
  const bool fed = goes_by_blocks(options.method) && has_search(plan.type);
  const bool transformed = !transforms_of(options).empty();
  if (fed || transformed) {
    MOTE_ASSIGN(calibration, prepare_calibration(*runtime, options, plan.statistics));
    const std::vector<std::string>& warnings = calibration.windows.warnings;
    plan.report.warnings.insert(plan.report.warnings.end(), warnings.begin(), warnings.end());
    MOTE_TRY(plan_memory(pool, options, calibration, plan));
    if (transformed) MOTE_TRY(transform(*runtime, options, features, calibration, plan));
  }
  MOTE_ASSIGN(sys::AtomicFolder folder, sys::AtomicFolder::create(options.output));
  MOTE_TRY(sys::check_free_space(folder.temporary_path(), plan.report.bytes));
  const formats::Checkpoint& checkpoint = *plan.model.checkpoint;
  MOTE_TRY(write_folder_files(checkpoint.folder, checkpoint.config, plan.type, plan.dense,
                              folder.temporary_path()));
  MOTE_ASSIGN(
      formats::SafetensorsWriter writer,
      formats::SafetensorsWriter::create(folder.temporary_path() / "model.safetensors", plan.written));
  FolderJob job(pool, options, features, plan, writer);
  if (fed) MOTE_TRY(job.feed(*runtime, calibration));
  MOTE_TRY(job.finish());
  MOTE_TRY(writer.finish());
  return folder.commit();
}

}  // namespace

Result<bool> wants_folder(const QuantizeOptions& options) {
  const codec::Codec* codec = codec::find_codec(options.type);
  const bool folder = codec != nullptr && !codec->has_gguf_type();
  const std::string& output = options.output.string();
  std::error_code ignored;
  if (folder && to_lower_ascii(options.output.extension().string()) == ".gguf") {
    return Error{kQuantOutput,
                 std::string(codec->name) + " is a type of Hugging Face folders, the output is a GGUF file",
                 "name a folder with -o, or choose a type such as Q4_0",
                 output,
                 {}};
  }
  if (!folder && !output.empty() && (output.ends_with('/') || fs::is_directory(options.output, ignored))) {
    return Error{kQuantOutput,
                 (options.type.empty() ? std::string("types for a size") : options.type) +
                     " goes into a GGUF file, the output is a folder",
                 "name a file with -o, or choose a type of folders such as int4-g128-sym",
                 output,
                 {}};
  }
  if (!folder && options.group_fallback) {
    return Error{kQuantOutput,
                 "a fall-back for the group is for types of folders such as int4-g128-sym",
                 "leave out --group-fallback: GGUF types have fall-backs of their own",
                 output,
                 {}};
  }
  return folder;
}

Result<QuantizeReport> quantize_to_folder(sys::ThreadPool& pool, const QuantizeOptions& options,
                                          const sys::CpuFeatures& features, engine::Runtime* runtime) {
  const auto start = std::chrono::steady_clock::now();
  if (options.method == Method::learned) {
    return Error{kQuantMethod,
                 "method learned is for GGUF files: it tunes factors of blocks, which " + options.type +
                     " does not have",
                 "use --method feedback, or --effort standard",
                 options.input.string(),
                 {}};
  }
  const bool calibrated = goes_by_blocks(options.method) || !transforms_of(options).empty();
  if (calibrated && runtime == nullptr) {
    return Error{kQuantMethod,
                 "feedback and transforms need a runtime for the model",
                 "call quantize() with one",
                 {},
                 {}};
  }
  if (!options.dry_run) MOTE_TRY(sys::check_new_folder(options.output));
  MOTE_ASSIGN(FolderPlan plan, plan_folder(options));
  if (!transforms_of(options).empty() && !has_search(plan.type)) {
    return Error{kQuantMethod,
                 "transforms are chosen by what the type's scales lose, values of " + options.type +
                     " are only rounded",
                 "leave the transforms out, or choose a type such as int4-g128-sym",
                 options.input.string(),
                 {}};
  }
  if (!options.dry_run) MOTE_TRY(write_folder(pool, options, features, runtime, plan));
  plan.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  plan.report.peak_rss_bytes = peak_rss_bytes();
  return std::move(plan.report);
}

}  // namespace mote::quantize
