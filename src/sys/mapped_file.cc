#include "sys/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace mote::sys {
namespace {

constexpr ErrorCode kInputMissing{"INPUT_MISSING", ErrorKind::failed};
constexpr ErrorCode kInputNotRegular{"INPUT_NOT_REGULAR", ErrorKind::failed};
constexpr ErrorCode kInputPermission{"INPUT_PERMISSION", ErrorKind::failed};
constexpr ErrorCode kIoRead{"IO_READ", ErrorKind::failed};
constexpr ErrorCode kIoTooLarge{"IO_TOO_LARGE", ErrorKind::corrupt_data};
constexpr ErrorCode kModelChanged{"MODEL_CHANGED", ErrorKind::corrupt_data};

std::string error_text(int number) { return std::generic_category().message(number); }

Error open_error(const std::filesystem::path& path, int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return {kInputMissing, "no such file", "check the path", path.string(), std::nullopt};
    case ELOOP:
      return {kInputNotRegular, "the path is a loop of symbolic links", "give the file itself", path.string(),
              std::nullopt};
    case EACCES:
    case EPERM:
      return {kInputPermission, "no permission to read the file",
              "check the owner and mode of the file and its folders", path.string(), std::nullopt};
    default:
      return {kIoRead, "cannot open the file: " + error_text(number), "", path.string(), std::nullopt};
  }
}

std::string_view kind_name(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "not a regular file";
}

// Wraps around in the year 2262 and for senseless times; a stamp is only compared.
std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
                                   static_cast<std::uint64_t>(time.tv_nsec));
}

struct OpenFile {
  int descriptor;
  std::uint64_t size;
};

// The kind is looked at before opening, because opening a pipe blocks and opening a device may act on it, and
// again afterwards, because the name may have been replaced in between.
Result<OpenFile> open_regular(const std::filesystem::path& path) {
  const auto wrong_kind = [&path](mode_t mode) {
    return Error{kInputNotRegular, "expected a regular file, found " + std::string(kind_name(mode)), "",
                 path.string(), std::nullopt};
  };
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return open_error(path, errno);
  if (!S_ISREG(info.st_mode)) return wrong_kind(info.st_mode);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return open_error(path, errno);
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor);
    return wrong_kind(info.st_mode);
  }
  return OpenFile{descriptor, static_cast<std::uint64_t>(info.st_size)};
}

// madvise takes whole pages: the first page that begins at or before `offset`.
void advise(std::span<const std::byte> bytes, std::size_t offset, std::size_t length, int advice) {
  if (offset >= bytes.size()) return;
  length = std::min(length, bytes.size() - offset);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t begin = offset / page * page;
  void* address =
      const_cast<std::byte*>(bytes.data()) + begin;  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  static_cast<void>(
      ::madvise(address, offset + length - begin, advice));  // advice only: a refusal costs nothing
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  MOTE_ASSIGN(const OpenFile opened, open_regular(path));
  MappedFile file;
  file.path_ = path;
  file.descriptor_ = opened.descriptor;
  if (opened.size > 0) {
    void* address = ::mmap(nullptr, opened.size, PROT_READ, MAP_SHARED, opened.descriptor, 0);
    if (address == MAP_FAILED) {  // NOLINT(performance-no-int-to-ptr): the macro of the system
      return Error{kIoRead, "cannot map " + human_bytes(opened.size) + ": " + error_text(errno), "",
                   path.string(), std::nullopt};
    }
    file.bytes_ = {static_cast<const std::byte*>(address), static_cast<std::size_t>(opened.size)};
  }
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      bytes_(std::exchange(other.bytes_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    ::munmap(const_cast<std::byte*>(bytes_.data()),
             bytes_.size());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> MappedFile::check_length() const {
  if (descriptor_ < 0) return {};
  struct stat info{};
  if (::fstat(descriptor_, &info) != 0) {
    return Error{kIoRead, "cannot ask for the file's length: " + error_text(errno), "", path_.string(),
                 std::nullopt};
  }
  const auto now = static_cast<std::uint64_t>(info.st_size);
  if (now < bytes_.size()) {
    return Error{kModelChanged,
                 "the file had " + with_thousands(bytes_.size()) + " bytes when it was opened and now has " +
                     with_thousands(now),
                 "do not change a file in use; load it again", path_.string(), now};
  }
  return {};
}

Result<FileStamp> MappedFile::stamp() const {
  struct stat info{};
  if (::fstat(descriptor_, &info) != 0) {
    return Error{kIoRead, "cannot ask for the file's times: " + error_text(errno), "", path_.string(),
                 std::nullopt};
  }
  return FileStamp{.bytes = static_cast<std::uint64_t>(info.st_size),
                   .modified_ns = nanoseconds(info.st_mtim),
                   .changed_ns = nanoseconds(info.st_ctim),
                   .inode = static_cast<std::uint64_t>(info.st_ino),
                   .owner = static_cast<std::uint32_t>(info.st_uid)};
}

void MappedFile::will_need(std::size_t offset, std::size_t length) const {
  advise(bytes_, offset, length, MADV_WILLNEED);
}

void MappedFile::dont_need(std::size_t offset, std::size_t length) const {
  advise(bytes_, offset, length, MADV_DONTNEED);
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  MOTE_ASSIGN(const OpenFile opened, open_regular(path));
  struct Closer {
    int descriptor;
    ~Closer() { ::close(descriptor); }
  } const closer{opened.descriptor};
  if (opened.size > max_bytes) {
    return Error{
        kIoTooLarge,
        "the file has " + with_thousands(opened.size) + " bytes, the limit is " + with_thousands(max_bytes),
        "", path.string(), std::nullopt};
  }
  std::string text;
  try {
    text.resize(static_cast<std::size_t>(opened.size));
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory, "no memory for " + human_bytes(opened.size), "", path.string(), std::nullopt};
  }
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t n = ::read(opened.descriptor, text.data() + filled, text.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return Error{kIoRead, "cannot read the file: " + error_text(errno), "", path.string(), filled};
    }
    if (n == 0) break;  // the file has shrunk: what is left is what it holds now
    filled += static_cast<std::size_t>(n);
  }
  text.resize(filled);
  return text;
}

}  // namespace mote::sys
