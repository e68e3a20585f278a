// What lies in a folder beside the weights: files of the tokenizer and of generation, and config.json with
// what says how the weights are quantized.
#pragma once

#include <filesystem>

#include "base/json.h"
#include "mote/result.h"
#include "tensor/codec_id.h"

namespace mote::quantize {

// Copies and writes them to `to`, each synced. `dense`: type of the weights before. Errors: those of reading
// and writing.
Result<void> write_folder_files(const std::filesystem::path& from, const Json& config, CodecId id,
                                CodecId dense, const std::filesystem::path& to);

}  // namespace mote::quantize
