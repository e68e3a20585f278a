#include "quantize/quantize.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "calibrate/statistics.h"
#include "calibrate/statistics_file.h"
#include "codec/codec.h"
#include "engine/runtime.h"
#include "formats/gguf_layout.h"
#include "formats/gguf_split.h"
#include "formats/gguf_writer.h"
#include "model/model.h"
#include "mote/tokenizer.h"
#include "quantize/calibration.h"
#include "quantize/encode_tensor.h"
#include "quantize/feedback/block_codes.h"
#include "quantize/feedback/feedback_kernels.h"
#include "quantize/layerwise.h"
#include "quantize/presets.h"
#include "quantize/search.h"
#include "tensor/aligned_buffer.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;

// Changes whenever the bytes of any method change, so that a job begun by another version starts afresh.
constexpr std::string_view kBytesVersion = "mote-quantize-5";
constexpr std::uint32_t kGgufQuantizationVersion = 2;  // of the block formats, as GGUF counts it

struct Job {
  Preset preset;
  model::Model model;
  // What will be written, in the source's order, and which of its tensors each comes from. A factor (below)
  // follows the tensor that it belongs to and has the same source.
  std::vector<formats::TensorInfo> outputs;
  std::vector<std::size_t> sources;
  calibrate::Statistics statistics;  // empty where none are given
  QuantizeReport report;
};

// NVFP4 spans too few magnitudes for weights as they are: the largest of a tensor is put on the largest that
// the format has, and the factor stands beside the tensor. Only where llama.cpp looks for one
// (llama-model.cpp, "scale").
bool takes_factor(CodecId type, const formats::TensorInfo& tensor) {
  if (type != CodecId::nvfp4 || tensor.codec == type || tensor.shape.rank() != 2) return false;
  for (const std::string_view name :
       {"attn_q", "attn_k", "attn_v", "attn_output", "attn_qkv", "ffn_gate", "ffn_up", "ffn_down"}) {
    if (tensor.name.starts_with("blk.") && tensor.name.ends_with("." + std::string(name) + ".weight"))
      return true;
  }
  return tensor.name == "output.weight";
}

std::string factor_name(std::string name) {
  return name.replace(name.rfind('.') + 1, std::string::npos, "scale");
}

bool is_factor(const Job& job, std::size_t output) {
  return output > 0 && job.sources[output] == job.sources[output - 1];
}

float factor_of(sys::ThreadPool& pool, const QuantizedTensor& in) {
  constexpr float kLargest = 6.0F * 448.0F;  // code times scale
  const float factor = largest_magnitude(pool, in) / kLargest;
  return factor > 0.0F ? factor : 1.0F;  // also of a NaN: encoding finds it and says where
}

Result<TypeOptions> type_options(const QuantizeOptions& options) {
  TypeOptions result;
  result.pure = options.pure;
  for (const TensorTypeRule& rule : options.tensor_types) {
    MOTE_ASSIGN(NamePattern pattern, NamePattern::compile(rule.pattern));
    MOTE_ASSIGN(const CodecId type, find_type(rule.type));
    result.rules.push_back(TypeRule{std::move(pattern), type});
  }
  if (!options.embedding_type.empty()) {
    MOTE_ASSIGN(result.embedding, find_type(options.embedding_type));
  }
  if (!options.output_type.empty()) {
    MOTE_ASSIGN(result.output, find_type(options.output_type));
  }
  return result;
}

// Whether the inputs of a tensor are there to calibrate: matrices of a block's dense network.
bool is_calibrated(const formats::TensorInfo& tensor) {
  return tensor.name.starts_with("blk.") && tensor.shape.rank() == 2 && is_quantizable(tensor);
}

// What becomes of a tensor: feedback needs a matrix of a block, search a format that has one.
Method method_for(const QuantizeOptions& options, const formats::TensorInfo& tensor, CodecId type) {
  if (options.method == Method::feedback && is_calibrated(tensor) && has_free_codes(type))
    return Method::feedback;
  if (options.method == Method::rtn || !has_search(type)) return Method::rtn;
  return Method::search;
}

Error in_place(const fs::path& output) {
  return {kQuantInPlace, "the output is the input", "name another file with -o", output.string(), {}};
}

// The checkpoint's files with tensors, shards included, in an order that does not change.
std::vector<fs::path> input_files(const formats::Checkpoint& checkpoint) {
  std::vector<fs::path> files = checkpoint.files;
  if (files.empty()) files.push_back(checkpoint.path);
  if (checkpoint.kind == formats::CheckpointKind::huggingface) {
    std::error_code ignored;
    const auto start = static_cast<std::ptrdiff_t>(files.size());
    for (const auto& entry : fs::directory_iterator(checkpoint.folder, ignored)) {
      if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
    }
    std::sort(files.begin() + start, files.end());
  }
  return files;
}

// Renaming over a mapped shard would pull the model from under the job, and the set apart for good.
Result<void> refuse_in_place(const Job& job, std::span<const formats::GgufPart> parts) {
  const std::vector<fs::path> inputs = input_files(*job.model.checkpoint);
  for (const formats::GgufPart& part : parts) {
    for (const fs::path& input : inputs) {
      std::error_code ignored;
      if (fs::equivalent(input, part.path, ignored)) return in_place(part.path);
    }
  }
  return {};
}

// Types, sizes and the report's rows; reads no tensor.
Result<void> plan(const QuantizeOptions& options, Job& job) {
  MOTE_ASSIGN(job.preset, find_preset(options.type));
  MOTE_ASSIGN(const TypeOptions types, type_options(options));
  const model::ModelSpec& spec = job.model.spec;
  if (options.method == Method::feedback && (spec.experts.count > 0 || !spec.causal)) {
    return Error{kQuantMethod,
                 std::string("feedback is for decoders with dense feed-forward networks, this is ") +
                     (spec.causal ? "a mixture of experts" : "an encoder"),
                 "use --method search",
                 options.input.string(),
                 {}};
  }
  const std::span<const formats::TensorInfo> tensors = job.model.canonical->tensors();
  const ModelFacts facts{spec.architecture, spec.blocks, spec.heads, spec.kv_heads, spec.experts.count};
  MOTE_ASSIGN(const std::vector<TypeChoice> choices, choose_types(job.preset, facts, types, tensors));
  Checked total_bits = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const formats::TensorInfo& tensor = tensors[i];
    const CodecId type = choices[i].type;
    const codec::Codec& codec = codec::codec_of(type);
    if (type != tensor.codec && !codec::codec_of(tensor.codec).is_plain_float() &&
        !options.allow_requantize) {
      return Error{kQuantRequantize,
                   "tensor '" + escape_untrusted(tensor.name) + "' is " +
                       std::string(codec::codec_of(tensor.codec).name) + " already; making it " +
                       std::string(codec.name) + " adds a second loss to the first",
                   "start from the 16-bit checkpoint, or pass --allow-requantize",
                   options.input.string(),
                   {}};
    }
    if (type != tensor.codec && codec.encode_rtn == nullptr) {
      return Error{kQuantImportance,
                   "tensor '" + escape_untrusted(tensor.name) + "' would be " + std::string(codec.name) +
                       ", which is useless without the importance of its inputs; this version writes none",
                   "choose a type that needs none, such as IQ3_S, Q2_K or TQ2_0",
                   options.input.string(),
                   {}};
    }
    const auto bytes = codec::tensor_bytes(codec, tensor.shape).value();
    const auto elements = tensor.shape.element_count().value();
    if (!bytes || !elements) {
      return Error{kQuantVerify,
                   "tensor '" + escape_untrusted(tensor.name) + "' is too large",
                   {},
                   options.input.string(),
                   {}};
    }
    const bool same = type == tensor.codec;
    const Method method_used = method_for(options, tensor, type);
    const std::string_view method = same || codec.is_plain_float() ? "copy" : to_string(method_used);
    const std::span<const std::uint64_t> dims = tensor.shape.dims();
    job.report.tensors.push_back(TensorReport{.name = tensor.name,
                                              .shape = {dims.begin(), dims.end()},
                                              .source_type = codec::codec_of(tensor.codec).name,
                                              .type = codec.name,
                                              .method = method,
                                              .error = 0,
                                              .bytes = *bytes,
                                              .fallback = choices[i].fallback});
    job.outputs.push_back(formats::TensorInfo{tensor.name, type, tensor.shape, *bytes});
    job.sources.push_back(i);
    if (takes_factor(type, tensor) && !job.model.canonical->find(factor_name(tensor.name))) {
      job.report.tensors.push_back(TensorReport{.name = factor_name(tensor.name),
                                                .shape = {1},
                                                .source_type = "F32",
                                                .type = "F32",
                                                .method = "copy",
                                                .error = 0,
                                                .bytes = sizeof(float),
                                                .fallback = false});
      job.outputs.push_back(
          formats::TensorInfo{factor_name(tensor.name), CodecId::f32, Shape{1}, sizeof(float)});
      job.sources.push_back(i);
      total_bits = total_bits + Checked(8 * sizeof(float));
    }
    job.report.parameters += *elements;
    total_bits = total_bits + Checked(*bytes) * 8;
  }
  job.report.preset = job.preset.name;
  const double bits = static_cast<double>(total_bits.value().value_or(0));
  job.report.bpw = job.report.parameters == 0 ? 0 : bits / static_cast<double>(job.report.parameters);
  return {};
}

// GGUF keys of the result.
Result<formats::Metadata> output_metadata(Job& job) {
  formats::Metadata metadata = job.model.metadata();
  if (job.model.checkpoint->kind != formats::CheckpointKind::gguf) {
    MOTE_ASSIGN(const auto tokenizer, load_tokenizer(*job.model.checkpoint));
    job.report.warnings.assign(tokenizer->warnings().begin(), tokenizer->warnings().end());
    MOTE_TRY(write_gguf_keys(*tokenizer, metadata, job.model.spec.vocab));
  }
  metadata.set_u32("general.quantization_version", kGgufQuantizationVersion);
  metadata.set_u32("general.file_type", job.preset.file_type);
  return metadata;
}

std::string file_identity(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  const auto time = fs::last_write_time(path, error);
  return path.filename().string() + ":" + std::to_string(error ? 0 : size) + ":" +
         std::to_string(error ? 0 : time.time_since_epoch().count());
}

// Everything that decides the bytes. The writer compares metadata and tensor list on its own.
std::string fingerprint(const QuantizeOptions& options, const Job& job) {
  std::error_code ignored;
  const formats::Checkpoint& checkpoint = *job.model.checkpoint;
  std::string text(kBytesVersion);
  text += "|" + fs::weakly_canonical(options.input, ignored).string();
  text += "|" + std::to_string(checkpoint.file_bytes) + "|" + file_identity(checkpoint.path);
  for (const fs::path& file : input_files(checkpoint)) text += "|" + file_identity(file);
  text += "|" + job.report.preset + "|" + std::string(to_string(options.method));
  std::vector<fs::path> calibrated;
  if (!options.statistics.empty()) calibrated.push_back(options.statistics);
  if (options.method == Method::feedback) {
    text += "|" + std::to_string(options.text.window) + "|" + std::to_string(options.text.max_windows);
    calibrated.insert(calibrated.end(), options.text.files.begin(), options.text.files.end());
  }
  for (const fs::path& file : calibrated) {
    text += "|" + fs::weakly_canonical(file, ignored).string() + "|" + file_identity(file);
  }
  for (const formats::TensorInfo& t : job.outputs) text += "|" + std::string(codec::codec_of(t.codec).name);
  return text;
}

Weighting weighting_of(std::string_view name, CodecId type) {
  if (is_embedding(name)) return kEmbeddingWeighting;
  return is_ffn_down(name) ? down_weighting(type) : default_weighting(type);
}

// The tensor in its new form, in `out`; its error goes to the report. importance: as EncodeJob has it.
Result<void> convert(sys::ThreadPool& pool, const QuantizeOptions& options, const sys::CpuFeatures& features,
                     CodecId type, const QuantizedTensor& in, float factor, std::span<const float> importance,
                     std::span<std::byte> out, TensorReport& report) {
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
  const Method method = options.method == Method::rtn ? Method::rtn : Method::search;
  const EncodeJob encode{
      type,   method,        &search_kernels(features), weighting_of(report.name, type), importance,
      factor, options.cancel};
  MOTE_ASSIGN(const EncodeError error, encode_tensor(pool, encode, report.name, in, out));
  report.error = error.relative();
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

// Where the tensors of a source end up.
std::vector<std::size_t> outputs_of(const Job& job) {
  std::vector<std::size_t> out(job.model.canonical->tensors().size());
  for (std::size_t o = 0; o < job.outputs.size(); ++o) {
    if (!is_factor(job, o)) out[job.sources[o]] = o;
  }
  return out;
}

// The tensors whose type changes, block by block; they are written as they come.
Result<void> write_layerwise(engine::Runtime& runtime, const Calibration& calibration,
                             const QuantizeOptions& options, const sys::CpuFeatures& features, Job& job,
                             formats::GgufWriter& writer, std::vector<bool>& written) {
  const std::vector<std::size_t> output = outputs_of(job);
  QuantizeProgress progress;
  progress.tensor_count = job.outputs.size();
  LayerwiseWork work;
  for (const formats::TensorInfo& info : job.model.canonical->tensors()) {
    progress.total_bytes += info.bytes;
    work.types.push_back(info.codec);
  }
  for (std::size_t i = 0; i < work.types.size(); ++i) {
    const bool has_factor = output[i] + 1 < job.outputs.size() && is_factor(job, output[i] + 1);
    // A tensor with a factor is written with it, by write_tensors().
    if (!has_factor) work.types[i] = job.outputs[output[i]].codec;
  }
  work.plain = [&](std::size_t index, const QuantizedTensor& in, std::span<const float> importance,
                   std::span<std::byte> out) -> Result<EncodeError> {
    const TensorReport& report = job.report.tensors[output[index]];
    // What is rounded has no part in the calibration; statistics still say what its error weighs.
    const std::vector<float> given =
        importance.empty() ? calibrate::importance_of(job.statistics, report.name, in.shape.cols())
                           : std::vector<float>();
    const EncodeJob encode{work.types[index],
                           Method::search,
                           &search_kernels(features),
                           weighting_of(report.name, work.types[index]),
                           importance.empty() ? std::span<const float>(given) : importance,
                           1.0F,
                           options.cancel};
    return encode_tensor(runtime.pool(), encode, report.name, in, out);
  };
  work.begin = [&](std::size_t index) {
    progress.tensor = output[index];
    progress.name = job.report.tensors[output[index]].name;
    if (options.progress) options.progress(progress);
    progress.done_bytes += job.model.canonical->tensors()[index].bytes;
  };
  work.done = [&](std::size_t index, std::span<const std::byte> blocks,
                  const EncodeError& error) -> Result<void> {
    const std::size_t o = output[index];
    job.report.tensors[o].error = error.relative();
    written[o] = true;
    // An earlier run's bytes are the same.
    if (writer.done(o)) return {};
    return writer.write(o, blocks, &runtime.pool());
  };
  LayerwiseOptions how;
  how.window = calibration.windows.window;
  how.search = &search_kernels(features);
  how.kernels = &feedback_kernels(features);
  how.cancel = options.cancel;
  return quantize_layerwise(runtime, *calibration.model, calibration.windows.tokens, how, work);
}

Result<void> write_tensors(sys::ThreadPool& pool, const QuantizeOptions& options,
                           const sys::CpuFeatures& features, Job& job, formats::GgufWriter& writer,
                           const std::vector<bool>& written) {
  const formats::TensorSource& source = *job.model.canonical;
  std::uint64_t largest = 0;
  QuantizeProgress progress;
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
      const std::vector<float> importance =
          calibrate::importance_of(job.statistics, report.name, in.shape.cols());
      MOTE_TRY(convert(pool, options, features, job.outputs[i].codec, in, factor, importance, out, report));
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

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts KiB
}

Result<QuantizeReport> run(sys::ThreadPool& pool, const QuantizeOptions& options,
                           const sys::CpuFeatures& features, engine::Runtime* runtime) {
  const auto start = std::chrono::steady_clock::now();
  // Cheap mistakes first: a wrong name should not wait for a model to open.
  MOTE_TRY(find_preset(options.type));
  MOTE_TRY(type_options(options));
  if (options.method == Method::feedback && runtime == nullptr) {
    return Error{kQuantMethod, "feedback needs a runtime for the model", "call quantize() with one", {}, {}};
  }
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
  MOTE_TRY(plan(options, job));
  MOTE_ASSIGN(formats::Metadata metadata, output_metadata(job));
  const formats::SplitLimits split{options.split_max_bytes, options.split_max_tensors};
  MOTE_ASSIGN(const std::vector<formats::GgufPart> parts,
              formats::plan_split(options.output, std::move(metadata), job.outputs, split));
  for (const formats::GgufPart& part : parts) {
    MOTE_ASSIGN(const formats::GgufLayout layout, formats::layout_gguf(part.metadata, part.tensors));
    job.report.files.push_back(
        {options.output.empty() ? fs::path() : part.path, layout.file_bytes, part.tensors.size()});
    job.report.bytes += layout.file_bytes;
  }
  if (!options.dry_run) {
    MOTE_TRY(refuse_in_place(job, parts));
    Calibration calibration;
    if (options.method == Method::feedback) {
      MOTE_ASSIGN(calibration, prepare_calibration(*runtime, options, job.statistics));
      if (const Tokenizer* tokenizer = calibration.model->tokenizer()) {
        job.report.warnings.assign(tokenizer->warnings().begin(), tokenizer->warnings().end());
      }
    }
    MOTE_ASSIGN(const auto writer, formats::GgufWriter::create(parts, fingerprint(options, job)));
    std::vector<bool> written(job.outputs.size(), false);
    if (options.method == Method::feedback) {
      MOTE_TRY(write_layerwise(*runtime, calibration, options, features, job, *writer, written));
    }
    MOTE_TRY(write_tensors(pool, options, features, job, *writer, written));
    MOTE_TRY(writer->finish());
  }
  job.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  job.report.peak_rss_bytes = peak_rss_bytes();
  return std::move(job.report);
}

Result<QuantizeReport> guarded(sys::ThreadPool& pool, const QuantizeOptions& options,
                               const sys::CpuFeatures& features, engine::Runtime* runtime) {
  try {
    return run(pool, options, features, runtime);
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory, "out of memory while quantizing", {}, options.input.string(), {}};
  } catch (const fs::filesystem_error& e) {
    return Error{
        kQuantVerify, std::string("cannot look at the files: ") + e.what(), {}, options.input.string(), {}};
  }
}

}  // namespace

std::string_view to_string(Method method) {
  return method == Method::rtn ? "rtn" : method == Method::search ? "search" : "feedback";
}

bool has_tokens(const std::filesystem::path& statistics) {
  try {
    const auto read = calibrate::read_statistics(statistics);
    return read && !read->tokens.empty();
  } catch (const std::bad_alloc&) {
    return false;
  }
}

std::vector<std::string_view> type_names() {
  std::vector<std::string_view> names;
  for (const Preset& preset : all_presets()) names.push_back(preset.name);
  return names;
}

std::vector<std::string_view> tensor_type_names() {
  std::vector<std::string_view> names;
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (codec.encode_rtn != nullptr) names.push_back(codec.name);
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
