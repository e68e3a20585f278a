// safetensors files (huggingface/safetensors README and safetensors/src/tensor.rs): one, or several with an
// index.
//
// Checks are those of the reference reader, all before the first tensor is handed out: header length, strict
// JSON, no duplicate names, every byte of the data belongs to exactly one tensor. F64 is handed out as
// F32 and F8 as F16, in buffers of their own; integers can be listed; what needs scales of another tensor
// (F4, F6, F8_E8M0) and complex numbers are refused by name. Tensor bytes need not be aligned: read them by
// memcpy.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "formats/limits.h"
#include "formats/mapped_source.h"
#include "mote/result.h"

namespace mote::formats {

class SafetensorsFile final : public MappedSource {
 public:
  // Errors of sys::MappedFile::open; ST_HEADER_LENGTH, ST_HEADER_JSON, ST_DUP, ST_METADATA, ST_DTYPE,
  // ST_SHAPE, ST_OFFSETS, ST_COVERAGE, ST_SIZE, ST_LIMIT; FORMAT_PICKLE for a pickle or zip under a false
  // name.
  static Result<std::unique_ptr<SafetensorsFile>> open(const std::filesystem::path& path,
                                                       const Limits& limits = {});

  // "__metadata__" in file order; {"format", "pt"} as a rule.
  [[nodiscard]] std::span<const std::pair<std::string, std::string>> metadata() const { return metadata_; }

 private:
  friend class SafetensorsParser;
  std::vector<std::pair<std::string, std::string>> metadata_;
};

}  // namespace mote::formats
