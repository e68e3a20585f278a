// Several safetensors files with model.safetensors.index.json, seen as one source.
//
// The index names files, so it is not trusted: plain names only, each a regular file in the index's folder.
// Links may lead elsewhere in that folder or, in a Hugging Face cache (snapshots/REVISION), to the blobs
// folder beside it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "formats/limits.h"
#include "formats/safetensors.h"
#include "formats/tensor_source.h"
#include "mote/result.h"

namespace mote::formats {

class SafetensorsShards final : public TensorSource {
 public:
  // ST_INDEX where index and files disagree or a name is refused; else the errors of SafetensorsFile::open.
  static Result<std::unique_ptr<SafetensorsShards>> open(const std::filesystem::path& index_path,
                                                         const Limits& limits = {});

  [[nodiscard]] std::uint64_t file_bytes() const;  // of all shards
  [[nodiscard]] std::size_t shard_count() const { return files_.size(); }

  [[nodiscard]] std::span<const TensorInfo> tensors() const override {
    return tensors_;
  }  // shard after shard
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const override;
  [[nodiscard]] std::span<const std::byte> stored(std::size_t index) const override {
    return files_[places_[index].file]->stored(places_[index].tensor);
  }
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
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::vector<TensorInfo> tensors_;
  std::vector<Place> places_;
  std::map<std::string_view, std::size_t> index_;
};

}  // namespace mote::formats
