#include "sys/output_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace mote::sys {
namespace {

constexpr ErrorCode kOutputCreate{"OUTPUT_CREATE", ErrorKind::failed};
constexpr ErrorCode kIoRead{"IO_READ", ErrorKind::failed};
constexpr ErrorCode kIoWrite{"IO_WRITE", ErrorKind::failed};
constexpr ErrorCode kIoSync{"IO_SYNC", ErrorKind::failed};
constexpr ErrorCode kJobLocked{"JOB_LOCKED", ErrorKind::unavailable};

std::string error_text(int number) { return std::generic_category().message(number); }

Error create_error(const std::filesystem::path& path, int number) {
  std::string hint;
  if (number == ENOENT || number == ENOTDIR) hint = "create the folder first";
  if (number == EACCES || number == EPERM || number == EROFS) hint = "choose a folder that you may write to";
  return {kOutputCreate, "cannot create the file: " + error_text(number), std::move(hint), path.string(),
          std::nullopt};
}

Result<int> open_descriptor(const std::filesystem::path& path, int extra_flags) {
  // O_NONBLOCK: opening a pipe for reading and writing must not wait. O_NOFOLLOW: a temporary name in a
  // folder that others can write to is no way to reach another file.
  const int descriptor = ::open(
      path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | extra_flags, 0666);
  if (descriptor < 0) return create_error(path, errno);
  struct stat info{};
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor);
    return Error{kOutputCreate,
                 "cannot create the file: the name is taken by something that is no regular file",
                 "choose another name", path.string(), std::nullopt};
  }
  return descriptor;
}

// True where `path` now names the file behind the descriptor.
bool still_named(int descriptor, const std::filesystem::path& path) {
  struct stat ours{};
  struct stat named{};
  return ::fstat(descriptor, &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
         ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

}  // namespace

Result<OutputFile> OutputFile::open(const std::filesystem::path& path) {
  OutputFile file;
  file.path_ = path;
  MOTE_ASSIGN(file.descriptor_, open_descriptor(path, 0));
  return file;
}

Result<OutputFile> OutputFile::create_new(const std::filesystem::path& path) {
  OutputFile file;
  file.path_ = path;
  MOTE_ASSIGN(file.descriptor_, open_descriptor(path, O_EXCL));
  return file;
}

Result<OutputFile> OutputFile::open_locked(const std::filesystem::path& path) {
  const Error locked{kJobLocked, "another job is writing this output",
                     "wait for it, or choose another output", path.string(), std::nullopt};
  // Each round lost means that another job finished in between; more than a few are no accident.
  for (int round = 0; round < 8; ++round) {
    MOTE_ASSIGN(OutputFile file, open(path));
    if (::flock(file.descriptor_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return locked;
      return Error{kIoWrite, "cannot lock the file: " + error_text(errno), "", path.string(), std::nullopt};
    }
    if (still_named(file.descriptor_, path)) return file;
  }
  return locked;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), descriptor_(std::exchange(other.descriptor_, -1)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  if (this != &other) {
    close();
    path_ = std::exchange(other.path_, {});
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

OutputFile::~OutputFile() { close(); }

void OutputFile::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

Result<std::uint64_t> OutputFile::size() const {
  struct stat info{};
  if (::fstat(descriptor_, &info) != 0) {
    return Error{kIoRead, "cannot ask for the file's length: " + error_text(errno), "", path_.string(),
                 std::nullopt};
  }
  return static_cast<std::uint64_t>(info.st_size);
}

Result<void> OutputFile::resize(std::uint64_t bytes) {
  if (bytes > static_cast<std::uint64_t>(INT64_MAX) ||
      ::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) {
    return Error{kIoWrite,
                 "cannot set the length to " + with_thousands(bytes) + " bytes: " + error_text(errno), "",
                 path_.string(), std::nullopt};
  }
  return {};
}

Result<void> OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t n = ::pwrite(descriptor_, data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int number = n < 0 ? errno : ENOSPC;
      std::string message = "cannot write " + with_thousands(data.size()) + " bytes: " + error_text(number);
      struct statvfs info{};
      if (number == ENOSPC && ::fstatvfs(descriptor_, &info) == 0) {
        message += ", free: " + with_thousands(static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize);
      }
      return Error{kIoWrite, std::move(message),
                   number == ENOSPC ? "make room and run the same command again" : "", path_.string(),
                   offset};
    }
    offset += static_cast<std::uint64_t>(n);
    data = data.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> OutputFile::write_at(std::uint64_t offset, std::string_view text) {
  return write_at(offset, std::as_bytes(std::span(text.data(), text.size())));
}

Result<std::size_t> OutputFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t n =
        ::pread(descriptor_, out.data() + filled, out.size() - filled, static_cast<off_t>(offset + filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return Error{kIoRead, "cannot read the file: " + error_text(errno), "", path_.string(),
                   offset + filled};
    }
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  return filled;
}

Result<void> OutputFile::sync() {
  if (::fsync(descriptor_) != 0) {
    return Error{kIoSync, "cannot sync the file to its device: " + error_text(errno),
                 "check the device; the file is not to be trusted", path_.string(), std::nullopt};
  }
  return {};
}

}  // namespace mote::sys
