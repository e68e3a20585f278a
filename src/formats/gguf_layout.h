// Where everything of a GGUF v3 file will lie, known before the first tensor exists: the header's bytes and
// the position of every tensor. Writers, dry runs and size estimates share it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "formats/metadata.h"
#include "formats/tensor_source.h"
#include "mote/result.h"

namespace mote::formats {

struct GgufLayout {
  std::string header;                  // magic to the last tensor's info, padded to the alignment
  std::vector<std::uint64_t> offsets;  // of every tensor, from the file's start
  std::vector<std::uint64_t> bytes;    // of every tensor
  std::uint64_t file_bytes = 0;        // the last tensor padded too, as the reference writer does
};

// Tensors lie in the order given, each padded to metadata's "general.alignment" (u32; 32 where absent).
// TensorInfo::bytes is ignored and computed from codec and shape. Errors, each of kind invalid_argument:
// GGUF_KEY, GGUF_TENSOR_NAME, GGUF_BLOCK, GGUF_DIMS, GGUF_SHAPE_OVERFLOW, GGUF_ALIGNMENT, GGUF_TYPE (a value
// that does not fit its type or an array of mixed types).
Result<GgufLayout> layout_gguf(const Metadata& metadata, std::span<const TensorInfo> tensors);

}  // namespace mote::formats
