#include "quantize/job_plan.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <utility>

#include "base/checked.h"
#include "base/hash64.h"
#include "base/strings.h"
#include "calibrate/readers.h"
#include "codec/codec.h"
#include "formats/gguf_layout.h"
#include "model/tensor_names.h"
#include "mote/tokenizer.h"
#include "quantize/equivalent/transform.h"
#include "quantize/feedback/block_codes.h"
#include "quantize/quantize.h"
#include "quantize/search.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;

constexpr ErrorCode kOutputCreate{"OUTPUT_CREATE", ErrorKind::failed};
constexpr std::uint32_t kGgufQuantizationVersion = 2;  // of the block formats, as GGUF counts it

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

bool is_dense_decoder(const model::ModelSpec& spec) { return spec.experts.count == 0 && spec.causal; }

// Whether the statistics have second moments of what a tensor reads, or will have.
bool has_moments(const Job& job, const formats::TensorInfo& tensor) {
  const formats::TensorSource& source = *job.model.canonical;
  const auto index = source.find(tensor.name);
  if (!index) return false;
  if (job.statistics.moments != nullptr) {
    return calibrate::find_moments(*job.statistics.moments, source, *index).has_value();
  }
  // An encoder's embedding is no head.
  const bool head = job.model.spec.causal && tensor.name == model::head_name(job.model.spec);
  return head || calibrate::fellow_readers(source, *index).has_value();
}

bool has_text(const QuantizeOptions& options, const Job& job) {
  return !options.text.files.empty() || !job.statistics.tokens.empty();
}

std::string factor_name(std::string name) {
  return name.replace(name.rfind('.') + 1, std::string::npos, "scale");
}

// What becomes of a tensor: feedback needs inputs to calibrate, search a format that has one.
Method method_for(const QuantizeOptions& options, const Job& job, const formats::TensorInfo& tensor,
                  CodecId type) {
  const bool free = has_free_codes(type);
  const bool fed = job.stored_moments
                       ? has_moments(job, tensor)
                       : is_calibrated(tensor) || tensor.name == model::head_name(job.model.spec);
  const bool feeds = options.method == Method::feedback || options.method == Method::awq;
  if (feeds && fed && free) return options.method;
  if (options.method == Method::learned && has_factors(type)) return Method::learned;
  // Of what has no factors to learn; with NVFP4's factors of tensors learning does not go together.
  if (options.method == Method::learned && fed && free && type != CodecId::nvfp4) return Method::feedback;
  if (options.method == Method::rtn || !has_search(type)) return Method::rtn;
  return Method::search;
}

// A type whose codes need the importance of the tensor's inputs: nothing, where that is known.
Result<void> check_importance(const QuantizeOptions& options, const Job& job,
                              const formats::TensorInfo& tensor, const codec::Codec& codec) {
  const std::string what =
      "tensor '" + escape_untrusted(tensor.name) + "' would be " + std::string(codec.name) + ", which ";
  const std::string other = "choose a type that needs none, such as IQ3_S, Q2_K or TQ2_0";
  if (!has_search(codec.id)) {
    return Error{kQuantImportance, what + "is not written", other, options.input.string(), {}};
  }
  if (options.method == Method::rtn) {
    return Error{
        kQuantMethod, what + "has no plain rounding", "use --method search", options.input.string(), {}};
  }
  if (job.statistics.inputs.contains(tensor.name)) return {};
  // Feedback sees the inputs of these itself.
  const bool fed = is_calibrated(tensor) || tensor.name == model::head_name(job.model.spec);
  if (goes_by_blocks(options, job) && fed) return {};
  if (job.observes && has_moments(job, tensor)) return {};
  const std::string missing =
      job.statistics.inputs.empty() ? "" : ", and the statistics given have none of this tensor";
  return Error{kQuantImportance,
               what + "is not written without the importance of its inputs" + missing,
               "give --stats FILE of mote calibrate, or " + other,
               options.input.string(),
               {}};
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

Error requantized(const formats::TensorInfo& tensor, std::string_view type, const QuantizeOptions& options) {
  return {kQuantRequantize,
          "tensor '" + escape_untrusted(tensor.name) + "' is " +
              std::string(codec::codec_of(tensor.codec).name) + " already; making it " + std::string(type) +
              " adds a second loss to the first",
          "start from the 16-bit checkpoint, or pass --allow-requantize",
          options.input.string(),
          {}};
}

std::string file_identity(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  const auto time = fs::last_write_time(path, error);
  return path.filename().string() + ":" + std::to_string(error ? 0 : size) + ":" +
         std::to_string(error ? 0 : time.time_since_epoch().count());
}

}  // namespace

bool goes_by_blocks(Method method) {
  return method == Method::feedback || method == Method::learned || method == Method::awq;
}

bool goes_by_blocks(const QuantizeOptions& options, const Job& job) {
  return goes_by_blocks(options.method) && !job.stored_moments;
}

bool uses_stored_moments(const QuantizeOptions& options, const Job& job) {
  if (options.method != Method::feedback || job.statistics.moments == nullptr) return false;
  if (has_budget(options) || !transforms_of(options).empty()) return false;
  return !has_text(options, job) || !is_dense_decoder(job.model.spec);
}

bool observes_moments(const QuantizeOptions& options, const Job& job) {
  if (options.method != Method::feedback || job.statistics.moments != nullptr) return false;
  if (has_budget(options) || !transforms_of(options).empty()) return false;
  return has_text(options, job) && !is_dense_decoder(job.model.spec);
}

bool has_budget(const QuantizeOptions& options) { return options.max_bytes > 0 || options.max_bpw > 0; }

bool is_calibrated(const formats::TensorInfo& tensor) {
  return tensor.name.starts_with("blk.") && tensor.shape.rank() == 2 && is_quantizable(tensor);
}

bool is_factor(const Job& job, std::size_t output) {
  return output > 0 && job.sources[output] == job.sources[output - 1];
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

Result<void> refuse_without_name(const fs::path& output) {
  if (!output.filename().empty()) return {};
  return Error{kOutputCreate, "there is no output to write to", "name a file with -o", output.string(), {}};
}

Error in_place(const fs::path& output) {
  return {kQuantInPlace, "the output is the input", "name another file with -o", output.string(), {}};
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

Result<std::vector<TypeChoice>> preset_types(const QuantizeOptions& options, const Job& job) {
  MOTE_ASSIGN(const TypeOptions types, type_options(options));
  const model::ModelSpec& spec = job.model.spec;
  const ModelFacts facts{spec.architecture, spec.blocks,        spec.heads,
                         spec.kv_heads,     spec.experts.count, !job.statistics.inputs.empty()};
  return choose_types(job.preset, facts, types, job.model.canonical->tensors());
}

namespace {

// For a mixture or an encoder, which the options' method does not take.
std::string hint_for(const QuantizeOptions& options) {
  if (has_budget(options)) return "name a --type, and use --method search";
  if (!transforms_of(options).empty()) return "leave out --transform, and use --method search";
  if (options.method != Method::feedback) return "use --method feedback or search";
  return "give --data FILE, or use --method search";
}

}  // namespace

Result<void> check_method(const QuantizeOptions& options, const Job& job) {
  const model::ModelSpec& spec = job.model.spec;
  const bool calibrated =
      goes_by_blocks(options, job) || has_budget(options) || !transforms_of(options).empty();
  if (calibrated && !is_dense_decoder(spec)) {
    return Error{kQuantMethod,
                 std::string("feedback, transforms and choosing types for a size are for decoders with dense "
                             "feed-forward networks, this is ") +
                     (spec.causal ? "a mixture of experts" : "an encoder"),
                 hint_for(options),
                 options.input.string(),
                 {}};
  }
  for (const formats::TensorInfo& tensor : job.model.canonical->tensors()) {
    // Before anything is probed.
    if (has_budget(options) && !options.allow_requantize && is_quantizable(tensor) &&
        !codec::codec_of(tensor.codec).is_plain_float()) {
      return requantized(tensor, "another type", options);
    }
  }
  return {};
}

Result<void> plan(const QuantizeOptions& options, std::span<const TypeChoice> choices, Job& job) {
  const std::span<const formats::TensorInfo> tensors = job.model.canonical->tensors();
  Checked total_bits = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const formats::TensorInfo& tensor = tensors[i];
    const CodecId type = choices[i].type;
    const codec::Codec& codec = codec::codec_of(type);
    if (type != tensor.codec && !codec::codec_of(tensor.codec).is_plain_float() &&
        !options.allow_requantize) {
      return requantized(tensor, codec.name, options);
    }
    if (type != tensor.codec && codec.encode_rtn == nullptr) {
      MOTE_TRY(check_importance(options, job, tensor, codec));
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
    const Method method_used = method_for(options, job, tensor, type);
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

Result<formats::Metadata> output_metadata(const QuantizeOptions& options, Job& job) {
  formats::Metadata metadata = job.model.metadata();
  if (job.model.checkpoint->kind != formats::CheckpointKind::gguf) {
    MOTE_ASSIGN(const auto tokenizer, load_tokenizer(*job.model.checkpoint));
    job.report.warnings.assign(tokenizer->warnings().begin(), tokenizer->warnings().end());
    MOTE_TRY(write_gguf_keys(*tokenizer, metadata, job.model.spec.vocab));
  }
  metadata.set_u32("general.quantization_version", kGgufQuantizationVersion);
  if (!options.statistics.empty()) {
    // As llama-quantize notes it.
    const calibrate::Statistics& s = job.statistics;
    metadata.set_string("quantize.imatrix.file", options.statistics.filename().string());
    if (!s.datasets.empty()) metadata.set_string("quantize.imatrix.dataset", s.datasets.front());
    metadata.set_i32("quantize.imatrix.entries_count", static_cast<std::int32_t>(s.inputs.size()));
    metadata.set_i32("quantize.imatrix.chunks_count", static_cast<std::int32_t>(s.windows));
  }
  return metadata;
}

namespace {

// The input, and what is done with it whatever the types.
std::string input_fingerprint(const QuantizeOptions& options, const Job& job) {
  std::error_code ignored;
  const formats::Checkpoint& checkpoint = *job.model.checkpoint;
  std::string text(kBytesVersion);
  text += "|" + fs::weakly_canonical(options.input, ignored).string();
  text += "|" + std::to_string(checkpoint.file_bytes) + "|" + file_identity(checkpoint.path);
  for (const fs::path& file : input_files(checkpoint)) text += "|" + file_identity(file);
  text += "|" + std::string(to_string(options.method));
  const std::vector<Transform> transforms = transforms_of(options);
  for (const Transform transform : transforms) text += "|" + std::string(to_string(transform));
  std::vector<fs::path> calibrated;
  if (!options.statistics.empty()) calibrated.push_back(options.statistics);
  // For a size the texts also weigh the search.
  if (goes_by_blocks(options, job) || job.observes || has_budget(options) || !transforms.empty()) {
    text += "|" + std::to_string(options.text.window) + "|" + std::to_string(options.text.max_windows);
    calibrated.insert(calibrated.end(), options.text.files.begin(), options.text.files.end());
  }
  for (const fs::path& file : calibrated) {
    text += "|" + fs::weakly_canonical(file, ignored).string() + "|" + file_identity(file);
  }
  return text;
}

}  // namespace

std::string fingerprint(const QuantizeOptions& options, const Job& job) {
  std::string text = input_fingerprint(options, job) + "|" + job.report.preset;
  for (const formats::TensorInfo& t : job.outputs) text += "|" + std::string(codec::codec_of(t.codec).name);
  return text;
}

std::string work_fingerprint(const QuantizeOptions& options, const Job& job,
                             std::span<const TypeChoice> choices, const formats::Metadata& metadata,
                             std::span<const TokenId> tokens) {
  std::string text = input_fingerprint(options, job);
  const auto layout = formats::layout_gguf(metadata, job.model.canonical->tensors());
  text += "|" + std::to_string(layout ? hash64(layout->header) : 0);
  text += "|" + std::to_string(hash64(std::as_bytes(tokens)));
  text += "|" + std::to_string(options.max_bytes) + "|" +
          std::to_string(std::bit_cast<std::uint64_t>(options.max_bpw));
  for (const TypeChoice& choice : choices) {
    text += "|" + std::string(codec::codec_of(choice.type).name) + (choice.given ? "!" : "");
  }
  return text;
}

}  // namespace mote::quantize
