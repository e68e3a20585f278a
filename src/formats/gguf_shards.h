// A GGUF model in several files, seen as one source (llama.cpp, tools/gguf-split): NAME-00001-of-00003.gguf
// and so on, each a complete GGUF file with tensors of its own. The first one has the model's metadata; every
// one has split.no (from 0), split.count and split.tensors.count (of all files together).
//
// The given file's name and metadata decide what is opened: no file names another. Anything in which the
// files disagree is an error, since a wrong shard would be a wrong model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf_reader.h"
#include "formats/tensor_source.h"
#include "mote/result.h"

namespace mote::formats {

inline constexpr std::string_view kSplitNo = "split.no";
inline constexpr std::string_view kSplitCount = "split.count";
inline constexpr std::string_view kSplitTensors = "split.tensors.count";

// "NAME-00002-of-00003.gguf" for (folder/NAME, 1, 3): the number is one more than split.no.
std::filesystem::path shard_path(const std::filesystem::path& prefix, std::uint64_t no, std::uint64_t count);

// True where a file's metadata says that it is one of several.
bool is_shard(const Metadata& metadata);

class GgufShards final : public TensorSource {
 public:
  // `first`: the opened file at `path`, for which is_shard holds. GGUF_SPLIT where it is not the first, its
  // name does not follow the pattern, a shard is missing or two files disagree; else the errors of
  // GgufFile::open.
  static Result<std::unique_ptr<GgufShards>> open(std::unique_ptr<GgufFile> first,
                                                  const std::filesystem::path& path, const Limits& limits);

  // Of the first file, without the split keys: what one file of the whole model would have.
  [[nodiscard]] Metadata take_metadata() { return std::move(metadata_); }
  [[nodiscard]] std::span<const std::filesystem::path> paths() const { return paths_; }
  [[nodiscard]] std::uint64_t file_bytes() const;  // of all shards

  // Shard after shard.
  [[nodiscard]] std::span<const TensorInfo> tensors() const override { return tensors_; }
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const override;
  [[nodiscard]] Result<void> check() const override;
  [[nodiscard]] std::vector<const sys::MappedFile*> files() const override;
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override;
  void dont_need(std::size_t index) const override {
    files_[places_[index].file]->dont_need(places_[index].tensor);
  }

 private:
  struct Place {
    std::size_t file;
    std::size_t tensor;
  };
  Result<void> join();

  std::vector<std::unique_ptr<GgufFile>> files_;
  std::vector<std::filesystem::path> paths_;
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<Place> places_;
  std::map<std::string_view, std::size_t> index_;
};

}  // namespace mote::formats
