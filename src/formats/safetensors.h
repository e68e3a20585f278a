// safetensors files (huggingface/safetensors README and safetensors/src/tensor.rs): one, or several with an
// index.
//
// Checks are those of the reference reader, all before the first tensor is handed out: header length, strict
// JSON, no duplicate names, every byte of the data belongs to exactly one tensor. Values are F32, F16 and
// BF16; other types are refused by name. Tensor bytes need not be aligned: read them by memcpy.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "formats/limits.h"
#include "formats/tensor_source.h"
#include "mote/result.h"
#include "sys/mapped_file.h"

namespace mote::formats {

class SafetensorsFile final : public TensorSource {
 public:
  // Errors of sys::MappedFile::open; ST_HEADER_LENGTH, ST_HEADER_JSON, ST_DUP, ST_METADATA, ST_DTYPE,
  // ST_SHAPE, ST_OFFSETS, ST_COVERAGE, ST_SIZE, ST_LIMIT; FORMAT_PICKLE for a pickle or zip under a false
  // name.
  static Result<std::unique_ptr<SafetensorsFile>> open(const std::filesystem::path& path,
                                                       const Limits& limits = {});

  // "__metadata__" in file order; {"format", "pt"} as a rule.
  [[nodiscard]] std::span<const std::pair<std::string, std::string>> metadata() const { return metadata_; }
  [[nodiscard]] std::uint64_t file_bytes() const { return file_.bytes().size(); }

  [[nodiscard]] std::span<const TensorInfo> tensors() const override {
    return tensors_;
  }  // in order of their bytes
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const override;
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override;

 private:
  friend class SafetensorsParser;
  sys::MappedFile file_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::uint64_t> offsets_;  // from the file's start
  std::unordered_map<std::string_view, std::size_t> index_;
};

}  // namespace mote::formats
