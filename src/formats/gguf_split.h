// The other way round from gguf_shards.h: which tensors of a model go to which of several files, and what
// each file's metadata is. Sizes are known before the first tensor exists, so the files are planned as a
// whole and every one can name the count. The cuts and keys are those of llama.cpp's llama-gguf-split.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "formats/limits.h"
#include "formats/metadata.h"
#include "formats/tensor_source.h"
#include "mote/error.h"
#include "mote/result.h"

namespace mote::formats {

inline constexpr ErrorCode kSplitFiles{"SPLIT_FILES", ErrorKind::invalid_argument};

// A file ends before the tensor that would exceed either. Zero: no limit of that kind.
struct SplitLimits {
  std::uint64_t bytes = 0;  // of tensor data with its padding; the header comes on top, as in llama.cpp
  std::uint64_t tensors = 0;

  [[nodiscard]] bool any() const { return bytes != 0 || tensors != 0; }
};

// One file to be written.
struct GgufPart {
  std::filesystem::path path;
  Metadata metadata;
  std::span<const TensorInfo> tensors;  // borrowed
};

// The whole model as one part under `path` where there is no limit. Else NAME-00001-of-00003.gguf and so on
// beside it, `path` being NAME.gguf or NAME: tensors in their order, a tensor above `bytes` in a file of its
// own; split.no, split.tensors.count and split.count in every file, the rest of `metadata` in the first one.
// However many files `metadata` came from, its own split keys are dropped. SPLIT_FILES where that makes more
// files than `limits` lets a model have; the errors of layout_gguf.
Result<std::vector<GgufPart>> plan_split(const std::filesystem::path& path, Metadata metadata,
                                         std::span<const TensorInfo> tensors, const SplitLimits& split,
                                         const Limits& limits = {});

}  // namespace mote::formats
