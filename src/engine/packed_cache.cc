#include "engine/packed_cache.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/strings.h"

namespace mote::engine {
namespace {

Error unusable(const std::filesystem::path& path, std::string message) {
  return {kCacheUnusable, std::move(message), "", path.string(), std::nullopt};
}

// Whoever may write the model may choose its weights. Others could put a cache beside it where the folder is
// open to all.
Result<void> check_owner(const PackedCacheFile& file, const std::filesystem::path& path,
                         const formats::TensorSource& source) {
  MOTE_ASSIGN(const sys::FileStamp stamp, file.file_stamp());
  if (stamp.owner == 0 || stamp.owner == ::geteuid()) return {};
  for (const sys::MappedFile* model : source.files()) {
    MOTE_ASSIGN(const sys::FileStamp of_model, model->stamp());
    if (of_model.owner == stamp.owner) return {};
  }
  return unusable(path, "it belongs to another user (" + std::to_string(stamp.owner) + ")");
}

}  // namespace

std::filesystem::path packed_cache_path(const model::Model& model) {
  std::filesystem::path path = model.checkpoint->path;
  path += ".mote-cache";
  return path;
}

Result<ModelStamp> PackedCache::stamp() const {
  return stamp_model(*model_.checkpoint->source, std::chrono::system_clock::now());
}

PackedCacheFile PackedCache::find() {
  const std::filesystem::path path = packed_cache_path(model_);
  // A digest of the files says all only where they do: other formats have a config.json beside them.
  if (layout_.bytes() == 0 || model_.checkpoint->kind != formats::CheckpointKind::gguf) {
    runtime_.log("there is nothing to cache of " + model_.checkpoint->path.string() +
                 ": its weights run as they lie in the file");
    return {};
  }
  Result<ModelStamp> before = stamp();
  if (!before) {
    runtime_.log("no cache of packed weights: " + format_error(before.error()));
    return {};
  }
  stamp_ = *before;
  possible_ = true;
  Result<PackedCacheFile> file = open(path);
  if (file) return std::move(*file);
  if (file.error().code.name != "INPUT_MISSING") {
    runtime_.log("the cache of packed weights is not used: " + format_error(file.error()) + "; packing");
  }
  return {};
}

Result<PackedCacheFile> PackedCache::open(const std::filesystem::path& path) {
  // Without clear stamps only the bytes themselves tell whether the model stays what it is while it is
  // packed.
  if (!stamp_.settled) digest_ = digest_model(runtime_.pool(), *model_.checkpoint->source);
  MOTE_ASSIGN(PackedCacheFile file, PackedCacheFile::open(path, layout_));
  MOTE_TRY(check_owner(file, path, *model_.checkpoint->source));
  const bool known = stamp_.settled && file.model_stamp() == stamp_.value;
  if (!known) {
    if (!digest_) digest_ = digest_model(runtime_.pool(), *model_.checkpoint->source);
    if (file.model_digest() != *digest_) {
      return unusable(path, "it was made of another model, or the model was changed since");
    }
  }
  MOTE_TRY(file.verify_tiles(runtime_.pool()));
  MOTE_ASSIGN(const ModelStamp after, stamp());
  if (!(after == stamp_)) return unusable(path, "the model is being changed");
  // Best effort: in a folder that may not be written to, every start reads the model for its digest.
  if (!known && stamp_.settled) static_cast<void>(file.restamp(stamp_.value));
  return file;
}

void PackedCache::keep(std::span<const std::byte> tiles) {
  if (!possible_) return;
  const std::filesystem::path path = packed_cache_path(model_);
  const Result<void> written = write(path, tiles);
  if (written) {
    runtime_.log("the packed weights are kept in " + path.string() + " (" + human_bytes(tiles.size()) +
                 "): the next start with --cache maps them");
  } else if (written.error().code.name == "JOB_LOCKED") {
    runtime_.log("another process is writing " + path.string());
  } else {
    runtime_.log("the packed weights are not kept: " + format_error(written.error()));
  }
}

Result<void> PackedCache::write(const std::filesystem::path& path, std::span<const std::byte> tiles) {
  const std::uint64_t digest = digest_model(runtime_.pool(), *model_.checkpoint->source);
  MOTE_ASSIGN(const ModelStamp after, stamp());
  if (!(after == stamp_) || digest_.value_or(digest) != digest) {
    return unusable(path, "the model was changed while it was packed");
  }
  MOTE_TRY(model_.checkpoint->source->check());
  return write_packed_cache(path, layout_, tiles, digest,
                            after.settled ? std::optional(after.value) : std::nullopt, runtime_.pool());
}

}  // namespace mote::engine
