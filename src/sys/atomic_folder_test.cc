#include "sys/atomic_folder.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "testing/environment.h"

namespace mote::sys {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

TEST(AtomicFolder, HasItsNameOnlyWhenItIsComplete) {
  const fs::path around = mote::testing::fresh_folder();
  const fs::path path = around / "out";
  {
    auto folder = AtomicFolder::create(path);
    ASSERT_TRUE(folder);
    put(folder->temporary_path() / "a", "1");
    EXPECT_FALSE(fs::exists(path));
    ASSERT_TRUE(folder->commit());
  }
  EXPECT_TRUE(fs::exists(path / "a"));
  EXPECT_EQ(std::distance(fs::directory_iterator(around), {}), 1);
}

TEST(AtomicFolder, LeavesNothingWhereItIsNotCommitted) {
  const fs::path around = mote::testing::fresh_folder();
  {
    auto folder = AtomicFolder::create(around / "out");
    ASSERT_TRUE(folder);
    put(folder->temporary_path() / "a", "1");
  }
  EXPECT_TRUE(fs::is_empty(around));
}

TEST(AtomicFolder, ReplacesAnEmptyFolderAndNothingElse) {
  const fs::path path = mote::testing::fresh_folder() / "out";
  fs::create_directory(path);
  auto folder = AtomicFolder::create(path.string() + "/");
  ASSERT_TRUE(folder);
  auto late = AtomicFolder::create(path);
  ASSERT_FALSE(late);  // the temporary name is taken
  EXPECT_EQ(late.error().code.name, "OUTPUT_CREATE");
  put(folder->temporary_path() / "a", "1");
  ASSERT_TRUE(folder->commit());
  EXPECT_TRUE(fs::exists(path / "a"));
  auto again = AtomicFolder::create(path);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code.name, "OUTPUT_EXISTS");
  put(path.string() + "-file", "1");
  EXPECT_EQ(AtomicFolder::create(path.string() + "-file").error().code.name, "OUTPUT_EXISTS");
  EXPECT_EQ(AtomicFolder::create(path / "no" / "way").error().code.name, "OUTPUT_CREATE");
}

TEST(AtomicFolder, AFolderThatWasFilledMeanwhileStays) {
  const fs::path path = mote::testing::fresh_folder() / "out";
  auto folder = AtomicFolder::create(path);
  ASSERT_TRUE(folder);
  fs::create_directory(path);
  put(path / "theirs", "1");
  const auto committed = folder->commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code.name, "IO_RENAME");
  EXPECT_TRUE(fs::exists(path / "theirs"));
}

}  // namespace
}  // namespace mote::sys
