#include "sys/atomic_folder.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include "sys/atomic_file.h"

namespace mote::sys {
namespace {

namespace fs = std::filesystem;

constexpr ErrorCode kOutputCreate{"OUTPUT_CREATE", ErrorKind::failed};
constexpr ErrorCode kOutputExists{"OUTPUT_EXISTS", ErrorKind::invalid_argument};
constexpr ErrorCode kIoRename{"IO_RENAME", ErrorKind::failed};

// "DIR/" and "DIR" are one folder.
fs::path without_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

}  // namespace

Result<void> check_new_folder(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return {};
  if (fs::is_directory(status) && fs::is_empty(path, error) && !error) return {};
  return Error{kOutputExists,
               fs::is_directory(status) ? "the folder is there already and is not empty"
                                        : "a file of this name is there already",
               "name a folder that is not there yet", path.string(), std::nullopt};
}

Result<AtomicFolder> AtomicFolder::create(const fs::path& path) {
  MOTE_TRY(check_new_folder(path));
  AtomicFolder out;
  out.final_ = without_slash(path);
  fs::path temporary = out.final_;
  temporary += ".tmp-" + std::to_string(::getpid());
  std::error_code error;
  if (!fs::create_directory(temporary, error)) {
    return Error{kOutputCreate,
                 "cannot create the folder: " + (error ? error.message() : "its temporary name is taken"),
                 "check that the folder around it exists and can be written to", path.string(), std::nullopt};
  }
  out.temporary_ = std::move(temporary);
  return out;
}

AtomicFolder::AtomicFolder(AtomicFolder&& other) noexcept
    : final_(std::move(other.final_)), temporary_(std::exchange(other.temporary_, {})) {}

AtomicFolder& AtomicFolder::operator=(AtomicFolder&& other) noexcept {
  std::swap(final_, other.final_);
  std::swap(temporary_, other.temporary_);
  return *this;
}

AtomicFolder::~AtomicFolder() {
  if (temporary_.empty()) return;
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

Result<void> AtomicFolder::commit() {
  MOTE_TRY(sync_folder(temporary_));
  // Replaces an empty folder, and fails where one has been filled meanwhile.
  if (::rename(temporary_.c_str(), final_.c_str()) != 0) {
    return Error{kIoRename,
                 "cannot give the folder its final name: " + std::generic_category().message(errno), "",
                 final_.string(), std::nullopt};
  }
  temporary_.clear();
  const fs::path parent = final_.parent_path();
  return sync_folder(parent.empty() ? fs::path(".") : parent);
}

}  // namespace mote::sys
