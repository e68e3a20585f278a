// A folder appears under its final name complete or not at all: made under a temporary name beside it,
// filled, synced, renamed. A job that dies leaves the temporary folder, never half of one under the name.
#pragma once

#include <filesystem>

#include "mote/result.h"

namespace mote::sys {

class AtomicFolder {
 public:
  // `path` must not exist, or be an empty folder. The temporary folder is `path` + ".tmp-" + process id.
  // OUTPUT_CREATE, OUTPUT_EXISTS (what is there is not replaced).
  static Result<AtomicFolder> create(const std::filesystem::path& path);

  AtomicFolder() = default;
  AtomicFolder(AtomicFolder&& other) noexcept;
  AtomicFolder& operator=(AtomicFolder&& other) noexcept;
  // Removes the temporary folder unless commit() succeeded.
  ~AtomicFolder();

  // Where the files go until commit().
  [[nodiscard]] const std::filesystem::path& temporary_path() const { return temporary_; }
  // Syncs the folder (whoever wrote its files has synced them), gives it its name, syncs the folder around
  // it. IO_SYNC, IO_RENAME.
  Result<void> commit();

 private:
  std::filesystem::path final_;
  std::filesystem::path temporary_;  // empty: nothing to remove
};

// OUTPUT_EXISTS where something is at `path` that create() would refuse.
Result<void> check_new_folder(const std::filesystem::path& path);

}  // namespace mote::sys
