// A file being written: positioned reads and writes, length, sync and an advisory lock, with errors that name
// the file and the bytes. What is written here gets its final name only by publish() (see atomic_file.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "mote/result.h"

namespace mote::sys {

class OutputFile {
 public:
  // Opens for reading and writing, creates where absent, keeps the content. Errors: OUTPUT_CREATE (a missing
  // folder, no permission, not a regular file).
  static Result<OutputFile> open(const std::filesystem::path& path);
  // The same with an exclusive lock held until destruction. JOB_LOCKED where another process, or another
  // handle of this one, holds it. The lock belongs to the file that carries the name now: a file renamed away
  // between opening and locking is let go and the name opened again.
  static Result<OutputFile> open_locked(const std::filesystem::path& path);
  // Creates a file that must not exist yet. OUTPUT_CREATE where it does.
  static Result<OutputFile> create_new(const std::filesystem::path& path);

  OutputFile() = default;
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] Result<std::uint64_t> size() const;
  // Longer files are cut, shorter ones extended by zeros (a hole on most file systems).
  Result<void> resize(std::uint64_t bytes);
  // All of `data` at `offset`. Thread safe for ranges that do not overlap. IO_WRITE, on a full disk with the
  // bytes that are free.
  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> data);
  Result<void> write_at(std::uint64_t offset, std::string_view text);
  // Fills `out`; fewer bytes only where the file ends. IO_READ.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const;
  // Until the data is on the device. IO_SYNC is final: after a failed sync the kernel may have dropped the
  // pages, so trying again would report a success that is none.
  Result<void> sync();
  void close();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace mote::sys
