// GGUF files, versions 2 and 3, mapped for reading (ggml-org/ggml docs/gguf.md and src/gguf.cpp).
//
// Everything that the header says is checked before anything is allocated for it and before a tensor's bytes
// are touched: counts against the bytes that remain, sizes with checked arithmetic, offsets against the
// running padded sum (as the reference reader does), ends against the file. What open() returns is therefore
// consistent: no later step checks sizes again. Not handled: big-endian files and version 1. One shard of
// several opens like any file; gguf_shards.h joins them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

#include "formats/limits.h"
#include "formats/mapped_source.h"
#include "formats/metadata.h"
#include "mote/result.h"

namespace mote::formats {

class GgufFile final : public MappedSource {
 public:
  // Errors of sys::MappedFile::open; GGUF_TRUNCATED, GGUF_MAGIC, GGUF_VERSION, GGUF_ENDIAN, GGUF_COUNT,
  // GGUF_KEY, GGUF_DUP_KEY, GGUF_TYPE, GGUF_ARRAY, GGUF_DEPTH, GGUF_STRING, GGUF_LIMIT, GGUF_ALIGNMENT,
  // GGUF_DIMS, GGUF_SHAPE_OVERFLOW, GGUF_BLOCK, GGUF_TENSOR_TYPE, GGUF_TENSOR_NAME, GGUF_OFFSET,
  // GGUF_OVERLAP; FORMAT_PICKLE. A file without tensors (a vocabulary) is valid.
  static Result<std::unique_ptr<GgufFile>> open(const std::filesystem::path& path, const Limits& limits = {});

  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  // Hands the metadata over, for a caller that keeps it beside the tensors: a vocabulary is tens of
  // megabytes.
  [[nodiscard]] Metadata take_metadata() { return std::move(metadata_); }
  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] std::uint64_t alignment() const { return alignment_; }
  // Of the first tensor, from the start of the file.
  [[nodiscard]] std::uint64_t data_offset() const { return data_offset_; }

 private:
  friend class GgufParser;
  Metadata metadata_;
  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = 32;
  std::uint64_t data_offset_ = 0;
};

}  // namespace mote::formats
