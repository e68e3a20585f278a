#include "quantize/quantize.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "codec/codec.h"
#include "formats/gguf_layout.h"
#include "formats/gguf_writer.h"
#include "model/model.h"
#include "mote/tokenizer.h"
#include "quantize/encode_tensor.h"
#include "quantize/presets.h"
#include "quantize/search.h"
#include "tensor/aligned_buffer.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;

// Changes whenever the bytes of any method change, so that a job begun by another version starts afresh.
constexpr std::string_view kBytesVersion = "mote-quantize-1";
constexpr std::uint32_t kGgufQuantizationVersion = 2;  // of the block formats, as GGUF counts it

struct Job {
  Preset preset;
  model::Model model;
  std::vector<formats::TensorInfo> outputs;  // what will be written, in the source's order
  QuantizeReport report;
};

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

Result<void> refuse_in_place(const QuantizeOptions& options) {
  std::error_code ignored;
  if (fs::equivalent(options.input, options.output, ignored)) {
    return Error{
        kQuantInPlace, "the output is the input", "name another file with -o", options.output.string(), {}};
  }
  return {};
}

// Types, sizes and the report's rows; reads no tensor.
Result<void> plan(const QuantizeOptions& options, Job& job) {
  MOTE_ASSIGN(job.preset, find_preset(options.type));
  MOTE_ASSIGN(const TypeOptions types, type_options(options));
  const model::ModelSpec& spec = job.model.spec;
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
    const std::string_view method = same || codec.is_plain_float() ? "copy" : to_string(options.method);
    job.report.tensors.push_back(TensorReport{tensor.name, tensor.shape, tensor.codec, type, method, 0,
                                              *bytes, choices[i].fallback, false});
    job.outputs.push_back(formats::TensorInfo{tensor.name, type, tensor.shape, *bytes});
    job.report.parameters += *elements;
    total_bits = total_bits + Checked(*bytes) * 8;
  }
  job.report.preset = job.preset.name;
  const double bits = static_cast<double>(total_bits.value().value_or(0));
  job.report.bpw = job.report.parameters == 0 ? 0 : bits / static_cast<double>(job.report.parameters);
  return {};
}

// GGUF keys of the result.
Result<formats::Metadata> output_metadata(const Job& job) {
  formats::Metadata metadata = job.model.metadata;
  if (job.model.checkpoint->kind != formats::CheckpointKind::gguf) {
    MOTE_ASSIGN(const auto tokenizer, load_tokenizer(*job.model.checkpoint));
    MOTE_TRY(write_gguf_keys(*tokenizer, metadata, job.model.spec.vocab));
  }
  // One file comes out, of however many went in.
  for (const std::string_view key : {"split.no", "split.count", "split.tensors.count"}) metadata.erase(key);
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
  if (checkpoint.kind == formats::CheckpointKind::huggingface) {
    std::vector<std::string> shards;
    for (const auto& entry : fs::directory_iterator(checkpoint.folder, ignored)) {
      if (entry.path().extension() == ".safetensors") shards.push_back(file_identity(entry.path()));
    }
    std::sort(shards.begin(), shards.end());
    text += "|" + join(shards, ",");
  }
  text += "|" + job.report.preset + "|" + std::string(to_string(options.method));
  for (const formats::TensorInfo& t : job.outputs) text += "|" + std::string(codec::codec_of(t.codec).name);
  return text;
}

// The tensor in its new form, in `out`; its error goes to the report.
Result<void> convert(sys::ThreadPool& pool, const QuantizeOptions& options, const QuantizedTensor& in,
                     std::span<std::byte> out, TensorReport& report) {
  if (in.codec == report.type) {
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
  const EncodeJob encode{report.type, options.method, &search_kernels(options.features),
                         is_embedding(report.name) ? kEmbeddingWeighting : default_weighting(report.type),
                         options.cancel};
  MOTE_ASSIGN(const EncodeError error, encode_tensor(pool, encode, report.name, in, out));
  report.error = error.relative();
  return {};
}

Result<void> write_tensors(sys::ThreadPool& pool, const QuantizeOptions& options, Job& job,
                           formats::GgufWriter& writer) {
  const formats::TensorSource& source = *job.model.canonical;
  std::uint64_t largest = 0;
  QuantizeProgress progress;
  progress.tensor_count = job.outputs.size();
  for (std::size_t i = 0; i < job.outputs.size(); ++i) {
    largest = std::max(largest, job.outputs[i].bytes);
    progress.total_bytes += source.tensors()[i].bytes;
  }
  AlignedBuffer buffer(largest);
  if (buffer.size() < largest) {
    return Error{kQuantMemory, "no memory for the largest tensor (" + human_bytes(largest) + ")", {}, {}, {}};
  }
  for (std::size_t i = 0; i < job.outputs.size(); ++i) {
    TensorReport& report = job.report.tensors[i];
    progress.tensor = i;
    progress.name = report.name;
    if (options.progress) options.progress(progress);
    progress.done_bytes += source.tensors()[i].bytes;
    if (writer.done(i)) {
      report.resumed = true;
      continue;
    }
    if (options.cancel != nullptr && options.cancel->load()) {
      return Error{kCancelled,
                   "quantizing stopped before tensor '" + escape_untrusted(report.name) + "'",
                   "run the same command again to go on",
                   {},
                   {}};
    }
    MOTE_ASSIGN(const QuantizedTensor in, source.read(i));
    const std::span<std::byte> out(buffer.data(), report.bytes);
    MOTE_TRY(convert(pool, options, in, out, report));
    MOTE_TRY(writer.write(i, out));
    source.dont_need(i);
  }
  return {};
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts KiB
}

Result<QuantizeReport> run(sys::ThreadPool& pool, const QuantizeOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  // Cheap mistakes first: a wrong name should not wait for a model to open.
  MOTE_TRY(find_preset(options.type));
  MOTE_TRY(type_options(options));
  if (!options.dry_run) MOTE_TRY(refuse_in_place(options));
  Job job;
  MOTE_ASSIGN(job.model, model::open_model(options.input));
  MOTE_TRY(plan(options, job));
  MOTE_ASSIGN(const formats::Metadata metadata, output_metadata(job));
  if (options.dry_run) {
    MOTE_ASSIGN(const formats::GgufLayout layout, formats::layout_gguf(metadata, job.outputs));
    job.report.bytes = layout.file_bytes;
  } else {
    MOTE_ASSIGN(const auto writer, formats::GgufWriter::create(options.output, metadata, job.outputs,
                                                               fingerprint(options, job)));
    MOTE_TRY(write_tensors(pool, options, job, *writer));
    MOTE_TRY(writer->finish());
    job.report.bytes = writer->file_bytes();
  }
  job.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  job.report.peak_rss_bytes = peak_rss_bytes();
  return std::move(job.report);
}

}  // namespace

std::string_view to_string(Method method) { return method == Method::rtn ? "rtn" : "search"; }

std::vector<std::string_view> type_names() {
  std::vector<std::string_view> names;
  for (const Preset& preset : all_presets()) names.push_back(preset.name);
  return names;
}

Result<QuantizeReport> quantize(sys::ThreadPool& pool, const QuantizeOptions& options) {
  try {
    return run(pool, options);
  } catch (const std::bad_alloc&) {
    return Error{kQuantMemory, "out of memory while quantizing", {}, options.input.string(), {}};
  } catch (const fs::filesystem_error& e) {
    return Error{
        kQuantVerify, std::string("cannot look at the files: ") + e.what(), {}, options.input.string(), {}};
  }
}

}  // namespace mote::quantize
