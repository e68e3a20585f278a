#include "sys/memory_lock.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "testing/environment.h"

namespace mote::sys {
namespace {

// Kilobytes that the system counts as locked for this process.
long locked_kilobytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmLck:")) return std::stol(line.substr(6));
  }
  return -1;
}

TEST(MemoryLock, ThePagesOfTheBytesAreLockedUntilTheyAreUnmapped) {
  if (!testing::kLocksMemory) GTEST_SKIP() << "a sanitizer locks no memory";
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t size = 4 * page;
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  const long before = locked_kilobytes();
  ASSERT_GE(before, 0) << "/proc/self/status has no VmLck";
  // From the middle of the first page to the middle of the second: two pages.
  const auto* bytes = static_cast<const std::byte*>(mapped);
  const Result<void> locked = lock_memory({bytes + page / 2, page});
  ASSERT_TRUE(locked) << format_error(locked.error());
  EXPECT_EQ(locked_kilobytes() - before, static_cast<long>(2 * page / 1024));
  munmap(mapped, size);
  EXPECT_EQ(locked_kilobytes(), before);
}

TEST(MemoryLock, NothingIsNothingToLock) { EXPECT_TRUE(lock_memory({})); }

TEST(MemoryLock, WhatCannotBeLockedIsAnErrorWithTheNumbers) {
  if (!testing::kLocksMemory) GTEST_SKIP() << "a sanitizer locks no memory";
  // Of pages that are not mapped none can be locked, whatever the limit.
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* mapped = mmap(nullptr, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  munmap(mapped, page);
  const Result<void> locked = lock_memory({static_cast<const std::byte*>(mapped), page});
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code.name, "MEMORY_LOCK");
  EXPECT_NE(locked.error().message.find("the process's limit is "), std::string::npos);
}

}  // namespace
}  // namespace mote::sys
