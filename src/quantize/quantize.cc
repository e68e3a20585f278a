#include "quantize/quantize.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
#include "calibrate/mean_moments.h"
#include "calibrate/statistics.h"
#include "calibrate/statistics_file.h"
#include "codec/codec.h"
#include "engine/runtime.h"
#include "formats/gguf_layout.h"
#include "formats/gguf_split.h"
#include "formats/gguf_writer.h"
#include "model/model.h"
#include "model/tensor_names.h"
#include "mote/tokenizer.h"
#include "quantize/allocate/allocation.h"
#include "quantize/calibration.h"
#include "quantize/encode_tensor.h"
#include "quantize/equivalent/transform.h"
#include "quantize/fed_tensor.h"
#include "quantize/feedback/block_codes.h"
#include "quantize/feedback/feedback_kernels.h"
#include "quantize/folder_job.h"
#include "quantize/job_log.h"
#include "quantize/job_plan.h"
#include "quantize/lattice.h"
#include "quantize/layerwise.h"
#include "quantize/layerwise_job.h"
#include "quantize/observed_inputs.h"
#include "quantize/presets.h"
#include "quantize/search.h"
#include "quantize/sized_job.h"
#include "quantize/stored_feedback.h"
#include "quantize/tuning/tuning.h"
#include "tensor/aligned_buffer.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;

// A tensor in its new form, in `out`; its error goes to the report.
Result<void> convert(sys::ThreadPool& pool, const QuantizeOptions& options, const sys::CpuFeatures& features,
                     const Job& job, std::size_t output, const QuantizedTensor& in, float factor,
                     std::span<std::byte> out, TensorReport& report) {
  const CodecId type = job.outputs[output].codec;
  if (in.codec == type) {
    const codec::Codec& codec = codec::codec_of(in.codec);
    const std::span<const std::byte> bytes = in.blocks();
    if (bytes.size() != out.size()) {
      return Error{kQuantVerify,
                   "tensor '" + escape_untrusted(report.name) + "' has another size than planned",
                   {},
                   {},
                   {}};
    }
    if (!codec.is_finite(bytes.data(), bytes.size() / codec.block_bytes)) {
      return Error{model::kModelNonfinite,
                   "tensor '" + escape_untrusted(report.name) + "' holds an infinity or NaN",
                   "the checkpoint is damaged or was trained into overflow; get it again",
                   {},
                   {}};
    }
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return {};
  }
  if (job.stored_moments && has_free_codes(type) && !lies_on_lattice(type, in)) {
    const std::size_t source = job.sources[output];
    MOTE_ASSIGN(const auto moments, calibrate::MeanMoments::of(job.statistics, *job.model.canonical, source));
    if (moments) {
      const FeedbackJob feedback{.type = type,
                                 .search = &search_kernels(features),
                                 .kernels = &feedback_kernels(features),
                                 .cancel = options.cancel};
      MOTE_ASSIGN(const EncodeError error,
                  encode_with_moments(pool, feedback, *moments, report.name, in, factor, out));
      report.error = error.relative();
      report.searched_error = error.searched();
      return {};
    }
  }
  const std::vector<float> importance =
      calibrate::importance_of(job.statistics, report.name, in.shape.cols());
  const Method method = options.method == Method::rtn ? Method::rtn : Method::search;
  const EncodeJob encode{
      type,   method,        &search_kernels(features), weighting_of(report.name, type), importance,
      factor, options.cancel};
  MOTE_ASSIGN(const EncodeError error, encode_tensor(pool, encode, report.name, in, out));
  report.error = error.relative();
  if (error.on_lattice) report.method = kOnLattice;
  return {};
}

bool stopped(const QuantizeOptions& options) {
  return options.cancel != nullptr && options.cancel->requested();
}

Error cancelled(std::string_view tensor) {
  return {kCancelled,
          "quantizing stopped before tensor '" + escape_untrusted(tensor) + "' was written",
          "run the same command again to go on",
          {},
          {}};
}

Result<void> write_tensors(sys::ThreadPool& pool, const QuantizeOptions& options,
                           const sys::CpuFeatures& features, Job& job, formats::GgufWriter& writer,
                           const std::vector<bool>& written) {
  const formats::TensorSource& source = *job.model.canonical;
  std::uint64_t largest = 0;
  QuantizeProgress progress;
  progress.what = "quantizing";
  progress.tensor_count = job.outputs.size();
  for (std::size_t i = 0; i < job.outputs.size(); ++i) {
    largest = std::max(largest, job.outputs[i].bytes);
    if (!is_factor(job, i)) progress.total_bytes += source.tensors()[job.sources[i]].bytes;
  }
  AlignedBuffer buffer(largest);
  if (buffer.size() < largest) {
    return Error{kOutOfMemory, "no memory for the largest tensor (" + human_bytes(largest) + ")", {}, {}, {}};
  }
  for (std::size_t i = 0; i < job.outputs.size(); ++i) {
    TensorReport& report = job.report.tensors[i];
    progress.tensor = i;
    progress.name = report.name;
    if (options.progress && !written[i]) options.progress(progress);
    if (!is_factor(job, i)) progress.done_bytes += source.tensors()[job.sources[i]].bytes;
    if (written[i]) continue;
    if (writer.done(i)) {
      report.resumed = true;
      continue;
    }
    if (stopped(options)) return cancelled(report.name);
    const std::size_t from = job.sources[i];
    MOTE_ASSIGN(const QuantizedTensor in, source.read(from));
    const std::span<std::byte> out(buffer.data(), report.bytes);
    const bool has_factor = i + 1 < job.outputs.size() && is_factor(job, i + 1);
    const float factor = has_factor || is_factor(job, i) ? factor_of(pool, in) : 1.0F;
    if (is_factor(job, i)) {
      codec::codec_of(CodecId::f32).encode_rtn(&factor, out.data(), 1);
    } else {
      MOTE_TRY(convert(pool, options, features, job, i, in, factor, out, report));
    }
    // Mapped bytes may have turned into zeros under a handler of SIGBUS: what was made of them is not kept.
    MOTE_TRY(source.read(from));
    if (stopped(options)) return cancelled(report.name);
    MOTE_TRY(writer.write(i, out, &pool));
    source.dont_need(from);
  }
  return {};
}

// An instruction set that the caller chose also holds for the search kernels.
sys::CpuFeatures allowed_features(const engine::Runtime& runtime) {
  sys::CpuFeatures f = runtime.features();
  using kernels::Isa;
  const Isa isa = runtime.isa();
  if (isa == Isa::reference) return {};
  if (isa == Isa::avx2 || isa == Isa::avxvnni) f.avx512 = f.avx512_vnni = f.amx_int8 = false;
  if (isa == Isa::avx2) f.avx_vnni = false;
  if (isa == Isa::avx512) f.avx512_vnni = f.amx_int8 = false;
  if (isa == Isa::avx512vnni) f.amx_int8 = false;
  return f;
}

// What learning will take: the encoded model beside feedback, and what it needs itself after that.
std::optional<std::uint64_t> learning_bytes(const Job& job, const FeedbackSize& size,
                                            std::uint64_t feedback) {
  TuningSize of{.windows = size.windows, .window = size.window, .threads = size.threads};
  std::map<std::string, std::uint64_t> elements;  // of the blocks' matrices
  for (std::size_t o = 0; o < job.outputs.size(); ++o) {
    const formats::TensorInfo& from = job.model.canonical->tensors()[job.sources[o]];
    const formats::TensorInfo& to = job.outputs[o];
    const std::uint64_t count = to.shape.element_count().value().value_or(0);
    if (is_calibrated(from)) elements[from.name.substr(0, from.name.find('.', 4))] += count;
    if (to.codec == from.codec || is_factor(job, o)) continue;
    of.encoded_bytes += to.bytes;
    const codec::Codec& codec = codec::codec_of(to.codec);
    if (!has_factors(to.codec)) continue;
    of.factors += count / codec.block_elements * (codec.integer_form->has_min ? 2 : 1);
  }
  for (const auto& [block, count] : elements) of.block_elements = std::max(of.block_elements, count);
  const auto own = tuning_bytes(job.model.spec, of);
  const auto before = (Checked(feedback) + of.encoded_bytes).value();
  if (!own || !before) return std::nullopt;
  return std::max(*own, *before);
}

// What feedback, and what learns after it, will take, told to the caller and held to the limit.
Result<void> plan_memory(const sys::ThreadPool& pool, const QuantizeOptions& options,
                         const Calibration& calibration, Job& job) {
  FeedbackSize size{
      .windows = calibration.windows.count(), .window = calibration.windows.window, .threads = pool.size()};
  for (std::size_t o = 0; o < job.outputs.size(); ++o) {
    // Types of patterns, which have no feedback, are weighted with the same moments.
    const formats::TensorInfo& from = job.model.canonical->tensors()[job.sources[o]];
    const CodecId type = job.outputs[o].codec;
    if (!is_calibrated(from) && from.name != model::head_name(job.model.spec)) continue;
    if (type == from.codec || !has_search(type)) continue;
    const Shape& shape = job.outputs[o].shape;
    size.largest_cols = std::max(size.largest_cols, shape.cols());
    // Beside a factor of a tensor its new form is there as floats too.
    const bool whole = !has_free_codes(type) || (o + 1 < job.outputs.size() && is_factor(job, o + 1));
    const Checked rows =
        whole ? Checked(shape.rows()) : Checked(std::min<std::uint64_t>(kFeedbackRows, shape.rows()));
    const Checked bytes = rows * shape.cols() * sizeof(float) + job.outputs[o].bytes;
    size.largest_bytes = std::max(size.largest_bytes, bytes.value().value_or(UINT64_MAX));
  }
  auto needed = calibrated_bytes(options, job.model, size);
  if (needed && options.method == Method::learned) needed = learning_bytes(job, size, *needed);
  return check_memory(options, needed, job.model.spec, size, job.report);
}

// The same of feedback with stored moments, which goes a matrix at a time.
Result<void> plan_stored_feedback(const QuantizeOptions& options, Job& job) {
  std::uint64_t largest = 0;  // output, whose room is there throughout
  std::uint64_t most = 0;     // of what is done with one
  for (std::size_t o = 0; o < job.outputs.size(); ++o) {
    const Shape& shape = job.outputs[o].shape;
    largest = std::max(largest, job.outputs[o].bytes);
    if (job.report.tensors[o].method != to_string(Method::feedback)) continue;
    // Experts of a folder are put together as they are read.
    const formats::TensorInfo& from = job.model.canonical->tensors()[job.sources[o]];
    const bool copied = shape.rank() == 3 && job.model.checkpoint->kind != formats::CheckpointKind::gguf;
    const auto own = (Checked(stored_feedback_bytes(shape.cols(), shape.rows()).value_or(UINT64_MAX)) +
                      (copied ? from.bytes : 0))
                         .value();
    most = std::max(most, own.value_or(UINT64_MAX));
  }
  return hold_to_limit(options, (Checked(largest) + most).value(), "feedback",
                       "allow more, or use --method search", job.report);
}

// The model in a form that computes the same and loses less in the types that were chosen for it.
Result<void> transform(engine::Runtime& runtime, const QuantizeOptions& options,
                       const sys::CpuFeatures& features, Calibration& calibration, Job& job) {
  TransformTypes types;
  types.tensors.resize(job.model.canonical->tensors().size());
  for (std::size_t o = 0; o < job.outputs.size(); ++o) {
    if (!is_factor(job, o)) types.tensors[job.sources[o]] = job.outputs[o].codec;
  }
  MOTE_ASSIGN(const Transformed made, transform(runtime, options, types, search_kernels(features),
                                                calibration, job.model, job.statistics));
  job.report.transforms = made.report;
  return {};
}

Result<QuantizeReport> run(sys::ThreadPool& pool, const QuantizeOptions& options,
                           const sys::CpuFeatures& features, engine::Runtime* runtime) {
  const auto start = std::chrono::steady_clock::now();
  // Cheap mistakes first: a wrong name should not wait for a model to open.
  const bool sized = has_budget(options);
  if (!sized || !options.type.empty()) MOTE_TRY(find_preset(options.type));
  MOTE_TRY(type_options(options));
  const bool transformed = !transforms_of(options).empty();
  std::error_code ignored;
  if (!options.dry_run && fs::equivalent(options.input, options.output, ignored))
    return in_place(options.output);
  Job job;
  MOTE_ASSIGN(job.model, model::open_model(options.input));
  if (!options.statistics.empty()) {
    MOTE_ASSIGN(job.statistics, calibrate::read_statistics(options.statistics));
    MOTE_TRY(calibrate::in_file(options.statistics,
                                calibrate::check_statistics(job.statistics, *job.model.canonical)));
  }
  job.observes = observes_moments(options, job);
  job.stored_moments = job.observes || uses_stored_moments(options, job);
  const bool by_blocks = goes_by_blocks(options, job);
  const bool calibrated = sized || transformed || by_blocks || job.observes;
  if (calibrated && runtime == nullptr) {
    return Error{kQuantMethod,
                 "feedback, transforms and sizes need a runtime for the model",
                 "call quantize() with one",
                 {},
                 {}};
  }
  MOTE_ASSIGN(job.preset, find_preset(options.type.empty() ? "Q4_0" : options.type));
  MOTE_TRY(check_method(options, job));
  MOTE_ASSIGN(formats::Metadata metadata, output_metadata(options, job));
  Calibration calibration;
  if (calibrated && (sized || !options.dry_run)) {
    MOTE_ASSIGN(calibration, prepare_calibration(*runtime, options, job.statistics));
    if (const Tokenizer* tokenizer = calibration.model->tokenizer()) {
      job.report.warnings.assign(tokenizer->warnings().begin(), tokenizer->warnings().end());
    }
    const std::vector<std::string>& warnings = calibration.windows.warnings;
    job.report.warnings.insert(job.report.warnings.end(), warnings.begin(), warnings.end());
  }
  MOTE_ASSIGN(const std::vector<TypeChoice> choices, preset_types(options, job));
  JobLog log;
  if (!options.dry_run && (sized || options.method == Method::learned)) {
    MOTE_TRY(refuse_without_name(options.output));
    MOTE_ASSIGN(log, JobLog::open(options.output, work_fingerprint(options, job, choices, metadata,
                                                                   calibration.windows.tokens)));
  }
  if (sized) {
    MOTE_ASSIGN(const Allocated allocated,
                allocate_types(*runtime, options, features, calibration, metadata, choices, log, job));
    if (options.type.empty()) {
      MOTE_ASSIGN(job.preset, find_preset(codec::codec_of(usual_type(job, allocated.choices)).name));
    }
    MOTE_TRY(plan(options, allocated.choices, job));
    for (std::size_t o = 0; o < job.outputs.size(); ++o) {
      job.report.tensors[o].expected_kld = allocated.expected_kld[job.sources[o]];
    }
  } else {
    MOTE_TRY(plan(options, choices, job));
  }
  metadata.set_u32("general.file_type", job.preset.file_type);
  const formats::SplitLimits split{options.split_max_bytes, options.split_max_tensors};
  MOTE_ASSIGN(const std::vector<formats::GgufPart> parts,
              formats::plan_split(options.output, std::move(metadata), job.outputs, split));
  for (const formats::GgufPart& part : parts) {
    MOTE_ASSIGN(const formats::GgufLayout layout, formats::layout_gguf(part.metadata, part.tensors));
    job.report.files.push_back(
        {options.output.empty() ? fs::path() : part.path, layout.file_bytes, part.tensors.size()});
    job.report.bytes += layout.file_bytes;
  }
  if (options.max_bytes > 0 && job.report.bytes > options.max_bytes) {
    log.discard();
    return Error{kQuantBudget,
                 "the headers of " + std::to_string(parts.size()) + " files make them " +
                     human_bytes(job.report.bytes - options.max_bytes) + " larger than the size allows",
                 "allow that much more, or write one file",
                 {},
                 {}};
  }
  if (!options.dry_run) {
    MOTE_TRY(refuse_in_place(job, parts));
    if (job.stored_moments) MOTE_TRY(plan_stored_feedback(options, job));
    if (job.observes) {
      MOTE_TRY(plan_observing(*runtime, options, calibration, job));
      MOTE_TRY(observe_inputs(*runtime, options, calibration, true, job));
      if (auto few = calibrate::warning_of_few(job.statistics)) job.report.warnings.push_back(*few);
      calibration = {};
    }
    if (transformed || by_blocks) {
      MOTE_TRY(plan_memory(pool, options, calibration, job));
    }
    if (transformed) MOTE_TRY(transform(*runtime, options, features, calibration, job));
    MOTE_ASSIGN(const auto writer, formats::GgufWriter::create(parts, fingerprint(options, job)));
    std::vector<bool> written(job.outputs.size(), false);
    if (by_blocks) {
      MOTE_TRY(write_layerwise(*runtime, calibration, options, features, log, job, *writer, written));
    }
    MOTE_TRY(write_tensors(pool, options, features, job, *writer, written));
    MOTE_TRY(writer->finish());
    log.discard();
    JobLog::remove_abandoned(options.output);
  }
  job.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  job.report.peak_rss_bytes = peak_rss_bytes();
  return std::move(job.report);
}

Result<QuantizeReport> guarded(sys::ThreadPool& pool, const QuantizeOptions& options,
                               const sys::CpuFeatures& features, engine::Runtime* runtime) {
  try {
    MOTE_ASSIGN(const bool folder, wants_folder(options));
    if (folder) return quantize_to_folder(pool, options, features, runtime);
    return run(pool, options, features, runtime);
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory, "out of memory while quantizing", {}, options.input.string(), {}};
  } catch (const fs::filesystem_error& e) {
    return Error{
        kQuantVerify, std::string("cannot look at the files: ") + e.what(), {}, options.input.string(), {}};
  }
}

}  // namespace

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts KiB
}

std::string_view to_string(Method method) {
  switch (method) {
    case Method::rtn:
      return "rtn";
    case Method::search:
      return "search";
    case Method::feedback:
      return "feedback";
    case Method::learned:
      return "learned";
    case Method::awq:
      return "awq";
  }
  return {};
}

std::string_view to_string(Transform transform) {
  switch (transform) {
    case Transform::scale:
      return "scale";
    case Transform::permute:
      return "permute";
    case Transform::rotate:
      return "rotate";
  }
  return {};
}

bool can_feed(const std::filesystem::path& statistics, bool to_folder) {
  try {
    const auto read = calibrate::read_statistics(statistics);
    return read && (!read->tokens.empty() || (read->moments != nullptr && !to_folder));
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool is_folder_type(std::string_view type) {
  const codec::Codec* codec = codec::find_codec(type);
  return codec != nullptr && !codec->has_gguf_type();
}

std::vector<std::string_view> type_names() {
  std::vector<std::string_view> names;
  for (const Preset& preset : all_presets()) names.push_back(preset.name);
  return names;
}

std::vector<std::string_view> tensor_type_names() {
  std::vector<std::string_view> names;
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (codec.has_gguf_type() && (codec.encode_rtn != nullptr || has_search(codec.id)))
      names.push_back(codec.name);
  }
  return names;
}

std::vector<std::string_view> folder_type_names() {
  std::vector<std::string_view> names;
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (!codec.has_gguf_type()) names.push_back(codec.name);
  }
  return names;
}

Result<QuantizeReport> quantize(engine::Runtime& runtime, const QuantizeOptions& options) {
  return guarded(runtime.pool(), options, allowed_features(runtime), &runtime);
}

Result<QuantizeReport> quantize(sys::ThreadPool& pool, const QuantizeOptions& options,
                                const sys::CpuFeatures& features) {
  return guarded(pool, options, features, nullptr);
}

}  // namespace mote::quantize
