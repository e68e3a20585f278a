#include "sys/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "testing/environment.h"

namespace mote::sys {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  return names;
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const auto folder = testing::fresh_folder();
  auto file = AtomicFile::create(folder / "out");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->append("hello "));
  ASSERT_TRUE(file->append("world"));
  ASSERT_TRUE(file->write_at(0, std::as_bytes(std::span("H", 1))));
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  EXPECT_EQ(file->temporary_path().parent_path(), folder);
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(testing::content_of(folder / "out"), "Hello world");
  EXPECT_THAT(names_in(folder), ElementsAre("out"));
}

TEST(AtomicFile, LeavesTheOldFileAndNoTemporaryWhenAbandoned) {
  const auto folder = testing::fresh_folder();
  ASSERT_TRUE(write_file_atomically(folder / "out", "old"));
  {
    auto file = AtomicFile::create(folder / "out");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append("half of the n"));
    auto other = AtomicFile::create(folder / "out");  // two at once take different temporary names
    ASSERT_TRUE(other);
    EXPECT_NE(file->temporary_path(), other->temporary_path());
    *other = AtomicFile();
  }
  EXPECT_EQ(testing::content_of(folder / "out"), "old");
  EXPECT_THAT(names_in(folder), ElementsAre("out"));
}

TEST(AtomicFile, ReplacesTheOldFileWhole) {
  const auto folder = testing::fresh_folder();
  ASSERT_TRUE(write_file_atomically(folder / "out", "a longer old content"));
  ASSERT_TRUE(write_file_atomically(folder / "out", "new"));
  EXPECT_EQ(testing::content_of(folder / "out"), "new");
}

TEST(AtomicFile, KeepsTheTemporaryFileWhenAsked) {
  const auto folder = testing::fresh_folder();
  std::filesystem::path kept;
  {
    auto file = AtomicFile::create(folder / "out");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append("x"));
    file->keep();
    kept = file->temporary_path();
  }
  EXPECT_EQ(testing::content_of(kept), "x");
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST(AtomicFile, NamesTheOutputThatCannotBeCreated) {
  const auto folder = testing::fresh_folder();
  for (const auto& path : {folder / "absent" / "out", folder, folder / ""}) {
    const auto file = AtomicFile::create(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code.name, "OUTPUT_CREATE");
    EXPECT_EQ(file.error().file, path.string());
  }
  EXPECT_THAT(names_in(folder), IsEmpty());
}

TEST(AtomicFile, ReportsARenameThatFails) {
  const auto folder = testing::fresh_folder();
  auto file = AtomicFile::create(folder / "out");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->append("x"));
  std::filesystem::create_directory(folder / "out");  // in the way, since
  const auto result = file->commit();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code.name, "IO_RENAME");
}

TEST(CheckFreeSpace, ComparesWithWhatTheFileSystemSays) {
  const auto folder = testing::fresh_folder();
  EXPECT_TRUE(check_free_space(folder, 0));
  const auto available = std::filesystem::space(folder).available;
  const auto refused = check_free_space(folder, available + (std::uint64_t{1} << 40));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code.name, "OUTPUT_SPACE");
  EXPECT_TRUE(check_free_space("", 0));
}

}  // namespace
}  // namespace mote::sys
