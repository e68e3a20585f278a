// The file that keeps a model's tiles for the next start; its bytes are described in
// docs/formats/packed-cache.md.
//
// Reading it means writing down the header that it has to have for this model and this program, and
// comparing: no number of the file is ever used as a size or a place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "engine/packed_layout.h"
#include "mote/result.h"
#include "sys/mapped_file.h"
#include "sys/thread_pool.h"

namespace mote::engine {

// There is a file, and it is no cache of this model that this program can use. Never a reason to stop.
inline constexpr ErrorCode kCacheUnusable{"CACHE_UNUSABLE", ErrorKind::corrupt_data};

class PackedCacheFile {
 public:
  // Maps the file at `path` and compares its header with what `layout` asks for. INPUT_MISSING, other errors
  // of MappedFile::open; CACHE_UNUSABLE with what is wrong.
  static Result<PackedCacheFile> open(const std::filesystem::path& path, const PackedLayout& layout);

  PackedCacheFile() = default;  // of no file

  // What it says that it was made of. The stamp is absent where there was none to rely on.
  [[nodiscard]] std::uint64_t model_digest() const { return model_digest_; }
  [[nodiscard]] std::optional<std::uint64_t> model_stamp() const { return model_stamp_; }
  // Compares all tiles with their checksums, on all threads; open() has not looked at them. CACHE_UNUSABLE.
  [[nodiscard]] Result<void> verify_tiles(sys::ThreadPool& pool) const;
  // layout.bytes() long, 64-byte aligned, valid as long as this object or what it was moved to.
  [[nodiscard]] std::span<const std::byte> tiles() const { return tiles_; }
  [[nodiscard]] bool is_open() const { return !tiles_.empty(); }
  [[nodiscard]] Result<sys::FileStamp> file_stamp() const { return file_.stamp(); }
  // MODEL_CHANGED where it is shorter now than when it was mapped.
  [[nodiscard]] Result<void> check_length() const { return file_.check_length(); }
  // Notes in the file itself, beside the rest, that the model has this stamp now. Errors of OutputFile.
  [[nodiscard]] Result<void> restamp(std::uint64_t model_stamp) const;

 private:
  sys::MappedFile file_;
  std::span<const std::byte> tiles_;
  std::span<const std::uint64_t> sums_;
  std::vector<std::byte> header_;
  std::uint64_t model_digest_ = 0;
  std::optional<std::uint64_t> model_stamp_;
};

// Writes `tiles`, laid out as `layout` says, to `path`: under the name `path` + ".part" while it lasts, then
// synced and renamed. JOB_LOCKED where another process is at it, OUTPUT_SPACE, errors of OutputFile and
// publish; nothing is left then.
Result<void> write_packed_cache(const std::filesystem::path& path, const PackedLayout& layout,
                                std::span<const std::byte> tiles, std::uint64_t model_digest,
                                std::optional<std::uint64_t> model_stamp, sys::ThreadPool& pool);

}  // namespace mote::engine
