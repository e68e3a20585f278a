#include "sys/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "testing/environment.h"

namespace mote::sys {
namespace {

using ::testing::HasSubstr;

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

std::string open_code(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  const auto text = read_text_file(path, 1000);
  EXPECT_EQ(file.has_value(), text.has_value()) << path;
  if (file) return "opened";
  EXPECT_EQ(file.error().code.name, text.error().code.name);
  EXPECT_EQ(file.error().file, path.string());
  return std::string(file.error().code.name);
}

TEST(MappedFile, ShowsTheBytesOfTheFile) {
  const auto path = testing::fresh_folder() / "data";
  const std::string content = std::string("a\0b", 3) + std::string(10000, 'x');
  testing::save(path, content);
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  EXPECT_EQ(text_of(*file), content);
  EXPECT_EQ(file->path(), path);
  EXPECT_TRUE(file->check_length());
  file->will_need(5000, 100);
  file->will_need(5000, SIZE_MAX);
  file->dont_need(20000, 1);
  file->dont_need(0, content.size());
  EXPECT_EQ(text_of(*file), content);  // advice loses nothing
}

TEST(MappedFile, MapsAnEmptyFileToNoBytes) {
  const auto path = testing::fresh_folder() / "empty";
  testing::save(path, "");
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->bytes().empty());
  EXPECT_TRUE(file->check_length());
}

TEST(MappedFile, MovesItsMapping) {
  const auto folder = testing::fresh_folder();
  testing::save(folder / "a", "first");
  testing::save(folder / "b", "second");
  auto a = MappedFile::open(folder / "a");
  auto b = MappedFile::open(folder / "b");
  ASSERT_TRUE(a && b);
  MappedFile moved = std::move(*a);
  EXPECT_EQ(text_of(moved), "first");
  EXPECT_TRUE(a->bytes().empty());  // NOLINT(bugprone-use-after-move): what is tested
  moved = std::move(*b);
  EXPECT_EQ(text_of(moved), "second");
  MappedFile none;
  EXPECT_TRUE(none.check_length());
}

TEST(MappedFile, SaysThatAFileHasShrunk) {
  const auto path = testing::fresh_folder() / "data";
  testing::save(path, std::string(10000, 'x'));
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  std::filesystem::resize_file(path, 4096);
  const auto check = file->check_length();
  ASSERT_FALSE(check);
  EXPECT_EQ(check.error().code.name, "MODEL_CHANGED");
  EXPECT_THAT(check.error().message, HasSubstr("10,000"));
  EXPECT_THAT(check.error().message, HasSubstr("4,096"));
}

TEST(MappedFile, RefusesWhatIsNoRegularFileWithoutBlocking) {
  const auto folder = testing::fresh_folder();
  EXPECT_EQ(open_code(folder / "absent"), "INPUT_MISSING");
  testing::save(folder / "file", "x");
  EXPECT_EQ(open_code(folder / "file" / "below"), "INPUT_MISSING");
  EXPECT_EQ(open_code(folder), "INPUT_NOT_REGULAR");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(open_code(folder / "pipe"), "INPUT_NOT_REGULAR");
  EXPECT_EQ(open_code("/dev/null"), "INPUT_NOT_REGULAR");
  std::filesystem::create_symlink("loop", folder / "loop");
  EXPECT_EQ(open_code(folder / "loop"), "INPUT_NOT_REGULAR");
  std::filesystem::create_symlink("file", folder / "link");
  EXPECT_EQ(open_code(folder / "link"), "opened");
  EXPECT_EQ(open_code(folder / "link"), "opened");
  EXPECT_THAT(MappedFile::open(folder / "pipe").error().message, HasSubstr("a named pipe"));
}

TEST(MappedFile, SaysThatPermissionIsMissing) {
  const auto path = testing::fresh_folder() / "secret";
  testing::save(path, "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  // Root may read everything, so the test steps down while it looks.
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  const std::string code = open_code(path);
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_EQ(code, "INPUT_PERMISSION");
}

TEST(ReadTextFile, ReadsUpToTheLimitAndNotBeyond) {
  const auto path = testing::fresh_folder() / "text";
  testing::save(path, std::string("ab\0c", 4));
  EXPECT_EQ(read_text_file(path, 4).value_or(""), std::string("ab\0c", 4));
  const auto refused = read_text_file(path, 3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code.name, "IO_TOO_LARGE");
  testing::save(path, "");
  EXPECT_EQ(read_text_file(path, 0).value_or("x"), "");
}

}  // namespace
}  // namespace mote::sys
