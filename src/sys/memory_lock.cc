#include "sys/memory_lock.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/strings.h"

namespace mote::sys {
namespace {

constexpr ErrorCode kMemoryLock{"MEMORY_LOCK", ErrorKind::resource_exhausted};

std::string limit_text() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return "unknown";
  return limit.rlim_cur == RLIM_INFINITY ? "none" : human_bytes(limit.rlim_cur);
}

}  // namespace

Result<void> lock_memory(std::span<const std::byte> bytes) {
  if (bytes.empty() || mlock(bytes.data(), bytes.size()) == 0) return {};
  const std::string reason = std::strerror(errno);
  return Error{.code = kMemoryLock,
               .message = "cannot lock " + human_bytes(bytes.size()) + " in memory: " + reason +
                          ", the process's limit is " + limit_text(),
               .hint = "raise the limit (ulimit -l, LimitMEMLOCK= of a service), or leave out --mlock",
               .file = {},
               .byte_position = {}};
}

}  // namespace mote::sys
