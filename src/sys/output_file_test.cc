#include "sys/output_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <string>

#include "testing/environment.h"

namespace mote::sys {
namespace {

TEST(OutputFile, WritesAndReadsAtPositions) {
  const auto path = testing::fresh_folder() / "out";
  auto file = OutputFile::open(path);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write_at(3, "def"));
  ASSERT_TRUE(file->write_at(0, "abc"));
  EXPECT_EQ(testing::content_of(path), "abcdef");
  EXPECT_EQ(file->size().value_or(0), 6U);
  std::array<std::byte, 4> buffer{};
  EXPECT_EQ(file->read_at(2, buffer).value_or(99), 4U);
  EXPECT_EQ(buffer[0], std::byte{'c'});
  EXPECT_EQ(file->read_at(4, buffer).value_or(99), 2U);  // the file ends
  EXPECT_EQ(file->read_at(40, buffer).value_or(99), 0U);
  ASSERT_TRUE(file->resize(2));
  ASSERT_TRUE(file->resize(4));
  EXPECT_EQ(testing::content_of(path), std::string("ab\0\0", 4));
  EXPECT_TRUE(file->sync());
}

TEST(OutputFile, KeepsTheContentWhenOpenedAgain) {
  const auto path = testing::fresh_folder() / "out";
  {
    auto file = OutputFile::open(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write_at(0, "kept"));
  }
  EXPECT_TRUE(OutputFile::open(path));
  EXPECT_EQ(testing::content_of(path), "kept");
  const auto again = OutputFile::create_new(path);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code.name, "OUTPUT_CREATE");
}

TEST(OutputFile, RefusesMissingFoldersPipesAndLinks) {
  const auto folder = testing::fresh_folder();
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink(folder / "elsewhere", folder / "link");
  for (const auto& path : {folder / "absent" / "out", folder, folder / "pipe", folder / "link"}) {
    const auto file = OutputFile::open(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code.name, "OUTPUT_CREATE") << path;
    EXPECT_EQ(file.error().file, path.string());
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "elsewhere"));
}

TEST(OutputFile, IsLockedUntilItIsDestroyed) {
  const auto path = testing::fresh_folder() / "out";
  {
    auto first = OutputFile::open_locked(path);
    ASSERT_TRUE(first);
    const auto second = OutputFile::open_locked(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code.name, "JOB_LOCKED");
    EXPECT_EQ(exit_status(second.error().code.kind), 6);
    OutputFile moved = std::move(*first);
    EXPECT_FALSE(OutputFile::open_locked(path));
  }
  EXPECT_TRUE(OutputFile::open_locked(path));
}

TEST(OutputFile, LocksTheFileThatCarriesTheNameNow) {
  const auto folder = testing::fresh_folder();
  auto first = OutputFile::open_locked(folder / "out");
  ASSERT_TRUE(first);
  std::filesystem::rename(folder / "out", folder / "final");
  EXPECT_TRUE(OutputFile::open_locked(folder / "out"));  // a new file, not the one still locked
  EXPECT_FALSE(OutputFile::open_locked(folder / "final"));
}

// Past the largest file that a file system holds: the same path through write_at as a full disk.
TEST(OutputFile, ReportsWritesThatTheSystemRefuses) {
  const auto path = testing::fresh_folder() / "out";
  auto file = OutputFile::open(path);
  ASSERT_TRUE(file);
  const auto result = file->write_at(static_cast<std::uint64_t>(INT64_MAX) - 1, "xyz");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code.name, "IO_WRITE");
  EXPECT_FALSE(file->resize(UINT64_MAX));
}

}  // namespace
}  // namespace mote::sys
