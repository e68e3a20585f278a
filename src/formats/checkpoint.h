// MODEL of the command line: finds out what a path is, opens it and hands out tensors and metadata. What the
// metadata means is the model module's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "formats/limits.h"
#include "formats/llama2c.h"
#include "formats/metadata.h"
#include "formats/tensor_source.h"
#include "mote/result.h"

namespace mote::formats {

enum class CheckpointKind : std::uint8_t { gguf, huggingface, llama2c };
std::string_view to_string(CheckpointKind kind);  // "GGUF file", "Hugging Face folder", "llama2.c file"

struct Checkpoint {
  CheckpointKind kind = CheckpointKind::gguf;
  std::filesystem::path path;                // the file with the tensors, or the index of several
  std::filesystem::path folder;              // where tokenizer files lie
  std::vector<std::filesystem::path> files;  // gguf: every file with tensors, in order
  std::unique_ptr<TensorSource> source;
  Metadata metadata;             // gguf; of others what the model module translates into GGUF keys
  Json config;                   // huggingface: config.json, an object
  Json generation_config;        // huggingface: null where absent
  Llama2cHeader llama2c;         // llama2c
  std::uint64_t file_bytes = 0;  // of all files with tensors
};

// `path`: a GGUF file, the first one where there are several; a folder with config.json and model.safetensors
// or model.safetensors.index.json; a .safetensors file beside its config.json; a llama2.c .bin. The content
// decides, not the name. Errors: those of the readers; MODEL_FORMAT (nothing that mote reads), FORMAT_PICKLE
// (refused, whatever its name), FORMAT_QUANTIZED and QUANTIZED_CONFIG (a folder that is quantized in another
// way than mote reads), QUANTIZED_TENSOR, MODEL_CONFIG (config.json
// missing or no object), INPUT_MISSING, INPUT_NOT_REGULAR.
Result<Checkpoint> open_checkpoint(const std::filesystem::path& path, const Limits& limits = {});

}  // namespace mote::formats
