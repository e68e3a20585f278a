// A file appears under its final name complete or not at all: written under a temporary name in the same
// folder, synced, renamed, folder synced. A job that dies leaves the old file, if there was one, untouched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "mote/result.h"
#include "sys/output_file.h"

namespace mote::sys {

// The last three steps alone, for a writer that keeps its own temporary file: sync `file`, rename it to
// `final_path` (same folder), sync the folder. IO_SYNC, IO_RENAME.
Result<void> publish(OutputFile& file, const std::filesystem::path& final_path);

// Several files that are one thing, all in one folder. The first name is the one by which readers find the
// others, so it comes last: every file is synced before any is renamed, an older file of the first name is
// removed before others are replaced, and the first is renamed when the others have their names on the
// device. A kill in between leaves a set without its first file, never one of old and new files. IO_SYNC,
// IO_RENAME.
struct Unpublished {
  OutputFile* file;
  std::filesystem::path final_path;
};
Result<void> publish(std::span<const Unpublished> set);

// Until the names in the folder are on the device. IO_SYNC.
Result<void> sync_folder(const std::filesystem::path& folder);

// OUTPUT_SPACE where the folder's file system has fewer than `bytes` free. Advice, not a reservation.
Result<void> check_free_space(const std::filesystem::path& folder, std::uint64_t bytes);

class AtomicFile {
 public:
  // The temporary file is `path` + ".tmp-" + process id + "-" + a number. OUTPUT_CREATE.
  static Result<AtomicFile> create(const std::filesystem::path& path);

  AtomicFile() = default;
  AtomicFile(AtomicFile&&) noexcept = default;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  // Removes the temporary file unless commit() succeeded or keep() was called.
  ~AtomicFile();

  Result<void> append(std::span<const std::byte> data);
  Result<void> append(std::string_view text);
  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> data);
  // Gives the file its name. Once; nothing may be written afterwards.
  Result<void> commit();
  // Leaves the temporary file where it is on destruction, for a caller that wants to look at it.
  void keep() { keep_ = true; }
  [[nodiscard]] const std::filesystem::path& temporary_path() const { return file_.path(); }

 private:
  std::filesystem::path final_path_;
  OutputFile file_;
  std::uint64_t end_ = 0;
  bool keep_ = false;
};

// The whole of a small file at once.
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace mote::sys
