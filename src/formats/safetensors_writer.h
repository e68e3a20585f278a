// Writes a safetensors file whose tensors are all known from the start and come one after another.
//
// The header is padded with spaces to a multiple of 8, as the reference writer does, so that data begins
// aligned. Tensors lie in the order given, without gaps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "sys/output_file.h"
#include "tensor/shape.h"

namespace mote::formats {

struct StoredTensor {
  std::string name;
  std::string_view dtype;  // as the format calls it, "BF16"; static storage
  Shape shape;
  std::uint64_t bytes = 0;
};

class SafetensorsWriter {
 public:
  // What the file will take. Nothing where sizes overflow.
  static std::optional<std::uint64_t> file_bytes(std::span<const StoredTensor> tensors);
  // `path` must not exist. "__metadata__" says {"format": "pt"}, which transformers asks for. OUTPUT_CREATE,
  // IO_WRITE.
  static Result<SafetensorsWriter> create(const std::filesystem::path& path,
                                          std::vector<StoredTensor> tensors);

  // All of tensor `index`, in any order. TENSOR_BYTES (internal) where the length is not the planned one.
  Result<void> write(std::size_t index, std::span<const std::byte> bytes);
  // Syncs. ST_INCOMPLETE (internal) where a tensor is missing.
  Result<void> finish();

 private:
  std::vector<StoredTensor> tensors_;
  std::vector<std::uint64_t> offsets_;
  std::vector<bool> done_;
  sys::OutputFile file_;
};

}  // namespace mote::formats
