#include "formats/checkpoint.h"

#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "formats/file_kind.h"
#include "formats/gguf_reader.h"
#include "formats/gguf_shards.h"
#include "formats/hf_quantized/quantized_source.h"
#include "formats/safetensors.h"
#include "formats/safetensors_shards.h"

namespace mote::formats {
namespace {

constexpr ErrorCode kModelFormat{"MODEL_FORMAT", ErrorKind::corrupt_data};
constexpr ErrorCode kModelConfig{"MODEL_CONFIG", ErrorKind::corrupt_data};

constexpr std::string_view kSingleFile = "model.safetensors";
constexpr std::string_view kIndexFile = "model.safetensors.index.json";

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// A JSON object of a model's folder.
Result<Json> read_config(const std::filesystem::path& path, const Limits& limits) {
  MOTE_ASSIGN(const std::string text, sys::read_text_file(path, limits.config_bytes));
  auto json = parse_json(text, {limits.config_bytes, 64, limits.json_values});
  if (!json || !json->is_object()) {
    Error error =
        json ? Error{kModelConfig, "expected a JSON object", "", "", std::nullopt} : std::move(json).error();
    error.code = kModelConfig;
    error.file = path.string();
    return error;
  }
  return std::move(*json);
}

Result<Checkpoint> open_gguf(const std::filesystem::path& path, const Limits& limits) {
  MOTE_ASSIGN(auto file, GgufFile::open(path, limits));
  Checkpoint out;
  out.kind = CheckpointKind::gguf;
  out.path = path;
  out.folder = path.parent_path();
  if (is_shard(file->metadata())) {
    MOTE_ASSIGN(auto shards, GgufShards::open(std::move(file), path, limits));
    out.metadata = shards->take_metadata();
    out.file_bytes = shards->file_bytes();
    out.files.assign(shards->paths().begin(), shards->paths().end());
    out.source = std::move(shards);
    return out;
  }
  out.files = {path};
  out.metadata = file->take_metadata();
  out.file_bytes = file->file_bytes();
  out.source = std::move(file);
  return out;
}

Result<Checkpoint> open_llama2c(const std::filesystem::path& path) {
  MOTE_ASSIGN(auto file, Llama2cFile::open(path));
  Checkpoint out;
  out.kind = CheckpointKind::llama2c;
  out.path = path;
  out.folder = path.parent_path();
  out.llama2c = file->header();
  out.file_bytes = file->file_bytes();
  out.source = std::move(file);
  return out;
}

Result<void> open_quantized(const Json& quantization, const std::filesystem::path& config_path,
                            Checkpoint& out) {
  auto config = read_quant_config(quantization);
  if (!config) {
    Error error = std::move(config).error();
    error.file = config_path.string();
    return error;
  }
  auto source = QuantizedSource::create(std::move(out.source), *config);
  if (!source) {
    Error error = std::move(source).error();
    if (error.file.empty()) error.file = out.path.string();
    return error;
  }
  out.source = std::move(*source);
  return {};
}

// `weights`: a .safetensors file or an index.
Result<Checkpoint> open_huggingface(const std::filesystem::path& folder, const std::filesystem::path& weights,
                                    const Limits& limits) {
  Checkpoint out;
  out.kind = CheckpointKind::huggingface;
  out.folder = folder;
  out.path = weights;
  const std::filesystem::path config_path = folder / "config.json";
  if (!is_there(config_path)) {
    return Error{kModelConfig, "there is no config.json beside the weights",
                 "a Hugging Face model needs it: download it too", weights.string(), std::nullopt};
  }
  MOTE_ASSIGN(out.config, read_config(config_path, limits));
  if (const std::filesystem::path generation = folder / "generation_config.json"; is_there(generation)) {
    MOTE_ASSIGN(out.generation_config, read_config(generation, limits));
  }
  if (weights.extension() == ".json") {
    MOTE_ASSIGN(auto shards, SafetensorsShards::open(weights, limits));
    out.file_bytes = shards->file_bytes();
    out.source = std::move(shards);
  } else {
    MOTE_ASSIGN(auto file, SafetensorsFile::open(weights, limits));
    out.file_bytes = file->file_bytes();
    out.source = std::move(file);
  }
  if (const Json* quantization = out.config.find("quantization_config");
      quantization != nullptr && !quantization->is_null()) {
    MOTE_TRY(open_quantized(*quantization, config_path, out));
  }
  return out;
}

Result<Checkpoint> open_folder(const std::filesystem::path& folder, const Limits& limits) {
  // The index first: a folder with both is one where a download was continued.
  for (const std::string_view name : {kIndexFile, kSingleFile}) {
    if (is_there(folder / name)) return open_huggingface(folder, folder / name, limits);
  }
  for (const std::string_view name :
       {"pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth"}) {
    if (is_there(folder / name)) return pickle_error(folder / name, FileKind::pickle);
  }
  return Error{kModelFormat,
               "the folder has neither " + std::string(kSingleFile) + " nor " + std::string(kIndexFile),
               "give a Hugging Face folder, a .safetensors or a GGUF file", folder.string(), std::nullopt};
}

Result<Checkpoint> open_file(const std::filesystem::path& path, const Limits& limits) {
  FileKind kind = FileKind::unknown;
  {
    MOTE_ASSIGN(const sys::MappedFile file, sys::MappedFile::open(path));
    kind = sniff(file.bytes());
  }
  if (is_pickle(kind)) return pickle_error(path, kind);
  const std::string extension = to_lower_ascii(path.extension().string());
  const std::filesystem::path folder = path.parent_path();
  switch (kind) {
    case FileKind::gguf:
    case FileKind::gguf_big_endian:
      return open_gguf(path, limits);
    case FileKind::safetensors:
      return open_huggingface(folder, path, limits);
    case FileKind::json:
      if (path.filename().string().ends_with(".safetensors.index.json"))
        return open_huggingface(folder, path, limits);
      break;
    case FileKind::llama2c_v1:
      return open_llama2c(path);
    default:
      break;
  }
  // The content says nothing certain: the reader that the name asks for says what is wrong with it. A
  // llama2.c file has no magic at all, so the name is all there is.
  if (extension == ".gguf") return open_gguf(path, limits);
  if (extension == ".safetensors") return open_huggingface(folder, path, limits);
  if (extension == ".bin" && kind == FileKind::unknown) return open_llama2c(path);
  return Error{kModelFormat,
               "expected a GGUF, safetensors or llama2.c file, found " + std::string(describe(kind)),
               kind == FileKind::git_lfs_pointer ? "run git lfs pull" : "", path.string(), std::nullopt};
}

}  // namespace

std::string_view to_string(CheckpointKind kind) {
  switch (kind) {
    case CheckpointKind::gguf:
      return "GGUF file";
    case CheckpointKind::huggingface:
      return "Hugging Face folder";
    case CheckpointKind::llama2c:
      return "llama2.c file";
  }
  return "unknown";
}

Result<Checkpoint> open_checkpoint(const std::filesystem::path& path, const Limits& limits) try {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return open_folder(path, limits);
  return open_file(path, limits);
} catch (const std::bad_alloc&) {
  return Error{kOutOfMemory, "no memory to open the model", "", path.string(), std::nullopt};
}

}  // namespace mote::formats
