#include "sys/atomic_file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace mote::sys {
namespace {

constexpr ErrorCode kIoRename{"IO_RENAME", ErrorKind::failed};
constexpr ErrorCode kIoSync{"IO_SYNC", ErrorKind::failed};
constexpr ErrorCode kOutputCreate{"OUTPUT_CREATE", ErrorKind::failed};
constexpr ErrorCode kOutputSpace{"OUTPUT_SPACE", ErrorKind::failed};

std::string error_text(int number) { return std::generic_category().message(number); }

std::filesystem::path folder_of(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

Result<void> rename_to(const OutputFile& file, const std::filesystem::path& final_path) {
  if (::rename(file.path().c_str(), final_path.c_str()) == 0) return {};
  return Error{kIoRename,
               "cannot give " + file.path().filename().string() + " its final name: " + error_text(errno), "",
               final_path.string(), std::nullopt};
}

}  // namespace

// The rename is on the device only once the folder is: a file's own sync does not cover its name.
Result<void> sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // A folder that may be written to but not read cannot be opened, nor synced; the file is complete all the
  // same.
  if (descriptor < 0 && errno == EACCES) return {};
  // EINVAL: file systems without folder sync (some network and FUSE ones) order renames themselves.
  const bool good = descriptor >= 0 && (::fsync(descriptor) == 0 || errno == EINVAL);
  const int number = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (good) return {};
  return Error{kIoSync, "cannot sync the folder: " + error_text(number), "check the device", folder.string(),
               std::nullopt};
}

Result<void> publish(std::span<const Unpublished> set) {
  if (set.empty()) return {};
  for (const Unpublished& entry : set) MOTE_TRY(entry.file->sync());
  const std::filesystem::path& first = set.front().final_path;
  if (set.size() > 1) {
    if (::unlink(first.c_str()) == 0) {
      MOTE_TRY(sync_folder(folder_of(first)));
    } else if (errno != ENOENT) {
      return Error{kIoRename, "cannot remove the file that is to be replaced: " + error_text(errno), "",
                   first.string(), std::nullopt};
    }
    for (std::size_t i = set.size(); i-- > 1;) MOTE_TRY(rename_to(*set[i].file, set[i].final_path));
    MOTE_TRY(sync_folder(folder_of(first)));
  }
  MOTE_TRY(rename_to(*set.front().file, first));
  return sync_folder(folder_of(first));
}

Result<void> publish(OutputFile& file, const std::filesystem::path& final_path) {
  const Unpublished one{&file, final_path};
  return publish(std::span(&one, 1));
}

Result<void> check_free_space(const std::filesystem::path& folder, std::uint64_t bytes) {
  struct statvfs info{};
  const std::filesystem::path where = folder.empty() ? std::filesystem::path(".") : folder;
  if (::statvfs(where.c_str(), &info) != 0) return {};  // creating the file will say what is wrong
  const std::uint64_t free_bytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  if (free_bytes >= bytes) return {};
  return Error{kOutputSpace,
               "the output needs " + with_thousands(bytes) + " bytes, free: " + with_thousands(free_bytes),
               "make room, or choose a folder on another device", where.string(), std::nullopt};
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& path) {
  std::error_code ignored;
  if (path.filename().empty() || std::filesystem::is_directory(path, ignored)) {
    return Error{kOutputCreate, "cannot create the file: the name is that of a folder", "add a file name",
                 path.string(), std::nullopt};
  }
  // The number tells apart several files of one process under one name, and leftovers of an earlier process
  // with this id. More than a few leftovers are another problem, which the last error describes.
  constexpr int kAttempts = 64;
  for (int number = 0;; ++number) {
    std::filesystem::path temporary = path;
    temporary += ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(number);
    auto file = OutputFile::create_new(temporary);
    if (file) {
      AtomicFile result;
      result.file_ = std::move(*file);
      result.final_path_ = path;
      return result;
    }
    if (number + 1 < kAttempts && std::filesystem::exists(temporary, ignored)) continue;
    Error error = std::move(file).error();
    error.file = path.string();  // what the caller asked for; the temporary name would only confuse
    return error;
  }
}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  std::swap(final_path_, other.final_path_);
  std::swap(file_, other.file_);
  std::swap(end_, other.end_);
  std::swap(keep_, other.keep_);
  return *this;
}

AtomicFile::~AtomicFile() {
  if (!file_.path().empty() && !keep_) {
    file_.close();
    std::error_code ignored;
    std::filesystem::remove(file_.path(), ignored);
  }
}

Result<void> AtomicFile::append(std::span<const std::byte> data) {
  MOTE_TRY(file_.write_at(end_, data));
  end_ += data.size();
  return {};
}

Result<void> AtomicFile::append(std::string_view text) {
  return append(std::as_bytes(std::span(text.data(), text.size())));
}

Result<void> AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> data) {
  return file_.write_at(offset, data);
}

Result<void> AtomicFile::commit() {
  MOTE_TRY(publish(file_, final_path_));
  file_ = OutputFile();
  return {};
}

Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  MOTE_ASSIGN(AtomicFile file, AtomicFile::create(path));
  MOTE_TRY(file.append(content));
  return file.commit();
}

}  // namespace mote::sys
