// The cache of one model's packed weights as a load uses it: asked before packing, written afterwards. It
// lies beside the model and never stops a load: what is wrong with it is a line of the log.
//
// What a use of it rests on:
//   the model is the same   size, times and inode of its files as noted in the cache, without reading them;
//   where
//                           they differ (a copy, another disk), or the files are younger than their clock's
//                           steps, the digest of every byte
//   the program is alike    the header has to be, byte for byte, what this program would write for this model
//   the tiles are whole     their checksums, of all of them, at every start: they are read anyway
//   the weights are finite  a cache is only written of weights that were checked, so a load that uses one
//   does
//                           not look again
#pragma once

#include <filesystem>
#include <optional>
#include <span>

#include "engine/model_identity.h"
#include "engine/packed_cache_file.h"
#include "engine/packed_layout.h"
#include "engine/runtime.h"
#include "model/model.h"

namespace mote::engine {

// MODEL.gguf.mote-cache, beside the first file of a model of several.
std::filesystem::path packed_cache_path(const model::Model& model);

class PackedCache {
 public:
  // All three outlive it.
  PackedCache(Runtime& runtime, const model::Model& model, const PackedLayout& layout)
      : runtime_(runtime), model_(model), layout_(layout) {}

  // The tiles of an earlier run, checked; not open where there are none to use.
  PackedCacheFile find();
  // Keeps what was packed since find() came back without. `tiles`: layout.bytes() long. The weights have
  // passed all checks of a load.
  void keep(std::span<const std::byte> tiles);

 private:
  Result<PackedCacheFile> open(const std::filesystem::path& path);
  Result<void> write(const std::filesystem::path& path, std::span<const std::byte> tiles);
  Result<ModelStamp> stamp() const;

  Runtime& runtime_;
  const model::Model& model_;
  const PackedLayout& layout_;
  bool possible_ = false;
  ModelStamp stamp_;                     // before packing
  std::optional<std::uint64_t> digest_;  // before packing, where it was needed
};

}  // namespace mote::engine
