// A regular file mapped for reading. Named pipes, devices and folders are refused by name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "mote/result.h"

namespace mote::sys {

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
