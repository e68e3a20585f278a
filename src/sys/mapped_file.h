// A regular file mapped for reading. Named pipes, devices and folders are refused by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "mote/result.h"

namespace mote::sys {

// What the system knows of a file's content without reading it. Writing to a file, or putting another one in
// its place, changes at least one of these: programs that set the modification time back (cp -p, tar) do not
// set the time of change.
struct FileStamp {
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;  // since 1970
  std::int64_t changed_ns = 0;   // of content, name, owner or mode
  std::uint64_t inode = 0;
  std::uint32_t owner = 0;  // user id
};

class MappedFile {
 public:
  // Errors: INPUT_MISSING, INPUT_NOT_REGULAR, INPUT_PERMISSION, IO_READ. A file of 0 bytes maps to an empty
  // span.
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // MODEL_CHANGED where the file is now shorter than what was mapped: reading past its end would raise
  // SIGBUS.
  [[nodiscard]] Result<void> check_length() const;
  // Of the file that is mapped, whatever has its name by now. IO_READ.
  [[nodiscard]] Result<FileStamp> stamp() const;
  // Tells the kernel that the range will be read soon, or will not be read again (keeps peak memory low).
  void will_need(std::size_t offset, std::size_t length) const;
  void dont_need(std::size_t offset, std::size_t length) const;

 private:
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
  int descriptor_ = -1;
};

// Whole content of a regular file of at most `max_bytes`. Errors as open(), and IO_TOO_LARGE.
Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace mote::sys
