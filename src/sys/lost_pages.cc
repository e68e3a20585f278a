#include "sys/lost_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace mote::sys {
namespace {

// /proc/self/maps byte by byte from a small buffer: a handler may neither allocate nor use stdio.
class MapsReader {
 public:
  MapsReader() : descriptor_(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}
  ~MapsReader() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  MapsReader(const MapsReader&) = delete;
  MapsReader& operator=(const MapsReader&) = delete;

  // The next byte, -1 at the end.
  int next() noexcept {
    if (at_ == filled_) {
      ssize_t n = -1;
      do {
        n = descriptor_ < 0 ? 0 : ::read(descriptor_, buffer_, sizeof buffer_);
      } while (n < 0 && errno == EINTR);
      if (n <= 0) return -1;
      filled_ = static_cast<std::size_t>(n);
      at_ = 0;
    }
    return static_cast<unsigned char>(buffer_[at_++]);
  }

  // A hexadecimal number and the byte behind it.
  std::uintptr_t hex(int& after) noexcept {
    std::uintptr_t value = 0;
    for (;;) {
      after = next();
      if (after >= '0' && after <= '9') {
        value = value << 4U | static_cast<std::uintptr_t>(after - '0');
      } else if (after >= 'a' && after <= 'f') {
        value = value << 4U | static_cast<std::uintptr_t>(after - 'a' + 10);
      } else {
        return value;
      }
    }
  }

 private:
  int descriptor_;
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  char buffer_[1024];
};

struct Mapping {
  std::uintptr_t end = 0;
  bool of_file = false;   // shared, read only, with a path: MappedFile may have made it
  bool replaced = false;  // private, read only, of no file: what another thread's handler put there
};

// Lines are "begin-end perms offset device inode   path" (proc(5)).
Mapping find_mapping(std::uintptr_t address, std::span<char> path) noexcept {
  MapsReader maps;
  for (;;) {
    int c = 0;
    const std::uintptr_t begin = maps.hex(c);
    if (c < 0) return {};
    const std::uintptr_t end = maps.hex(c);
    char permissions[4] = {};
    for (char& p : permissions) p = static_cast<char>(maps.next());
    // Offset, device and inode, then the path: fields 3 to 5.
    std::size_t fields = 0;
    std::size_t length = 0;
    bool in_field = false;
    for (c = maps.next(); c >= 0 && c != '\n'; c = maps.next()) {
      if (fields >= 3 && (length > 0 || c != ' ')) {
        if (length + 1 < path.size()) path[length] = static_cast<char>(c);
        ++length;
      } else if (c != ' ') {
        in_field = true;
      } else if (in_field) {
        in_field = false;
        ++fields;
      }
    }
    if (!path.empty()) path[std::min(length, path.size() - 1)] = '\0';
    if (address >= begin && address < end) {
      const bool read_only = permissions[0] == 'r' && permissions[1] == '-' && permissions[2] == '-';
      return {end, read_only && permissions[3] == 's' && length > 0,
              read_only && permissions[3] == 'p' && length == 0};
    }
    if (c < 0) return {};
  }
}

}  // namespace

bool replace_lost_pages(const void* address, std::span<char> path) noexcept {
  const int saved_errno = errno;
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const Mapping mapping = find_mapping(at, path);
  // Two threads may fault on one mapping: the later one finds zeros there, which cannot be what faulted.
  bool replaced = mapping.replaced;
  if (mapping.of_file) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const std::uintptr_t begin = at / page * page;
    void* start = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr): from the kernel
    replaced = ::mmap(start, mapping.end - begin, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                      0) == start;
  }
  errno = saved_errno;
  return replaced;
}

}  // namespace mote::sys
