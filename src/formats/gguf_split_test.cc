#include "formats/gguf_split.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <string>

#include "base/rng.h"
#include "formats/checkpoint.h"
#include "formats/gguf_reader.h"
#include "formats/gguf_test_file.h"
#include "formats/gguf_writer.h"
#include "sys/mapped_file.h"
#include "testing/environment.h"

// In this program the C library's rename is this one, so that a child can die exactly between two renames.
// Negative: never.
namespace {
int renames_until_kill = -1;
}
extern "C" int rename(const char* from, const char* to) noexcept {
  if (renames_until_kill == 0) ::raise(SIGKILL);
  if (renames_until_kill > 0) --renames_until_kill;
  return ::renameat(AT_FDCWD, from, AT_FDCWD, to);
}

namespace mote::formats {
namespace {

namespace fs = std::filesystem;
using testing::Bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::save;
using testing::TestGguf;

Metadata some_metadata() {
  Metadata m;
  m.set_string("general.architecture", "llama");
  m.set_u32("llama.block_count", 1);
  return m;
}

// Of 32, 96, 64, 32 and 160 bytes with their padding.
std::vector<TensorInfo> some_tensors() {
  return {{"a", CodecId::f32, {8}, 0},
          {"b", CodecId::f32, {3, 8}, 0},
          {"c", CodecId::q4_0, {3, 32}, 0},
          {"d", CodecId::f16, {5}, 0},
          {"e", CodecId::f32, {5, 8}, 0}};
}

std::vector<std::byte> data_of(std::size_t index, std::uint64_t bytes) {
  Rng rng(index + 1);
  std::vector<std::byte> out(bytes);
  for (std::byte& b : out) b = static_cast<std::byte>(rng.next_below(256));
  return out;
}

std::vector<std::size_t> counts(const SplitLimits& split, const std::vector<TensorInfo>& tensors) {
  const auto parts = plan_split("m.gguf", some_metadata(), tensors, split);
  EXPECT_TRUE(parts) << format_error(parts.error());
  std::vector<std::size_t> out;
  std::string names;
  for (const GgufPart& part : *parts) {
    out.push_back(part.tensors.size());
    for (const TensorInfo& info : part.tensors) names += info.name;
  }
  std::string expected;
  for (const TensorInfo& info : tensors) expected += info.name;
  EXPECT_EQ(names, expected);
  return out;
}

TEST(GgufSplit, CutsBeforeTheTensorThatWouldBeTooMuch) {
  const auto tensors = some_tensors();
  EXPECT_THAT(counts({.tensors = 2}, tensors), ElementsAre(2, 2, 1));
  EXPECT_THAT(counts({.tensors = 5}, tensors), ElementsAre(5));
  EXPECT_THAT(counts({.tensors = 1}, tensors), ElementsAre(1, 1, 1, 1, 1));
  EXPECT_THAT(counts({.bytes = 128}, tensors), ElementsAre(2, 2, 1));  // 128 exactly; 96; 160 alone
  EXPECT_THAT(counts({.bytes = 127}, tensors), ElementsAre(1, 1, 2, 1));
  EXPECT_THAT(counts({.bytes = 384}, tensors), ElementsAre(5));
  EXPECT_THAT(counts({.bytes = 383}, tensors), ElementsAre(4, 1));
  EXPECT_THAT(counts({.bytes = 1}, tensors), ElementsAre(1, 1, 1, 1, 1));  // the first file too has a tensor
  EXPECT_THAT(counts({.bytes = 192, .tensors = 2}, tensors), ElementsAre(2, 2, 1));
  EXPECT_THAT(counts({.bytes = 192, .tensors = 3}, tensors), ElementsAre(3, 2));
  EXPECT_THAT(counts({.tensors = 2}, {}), ElementsAre(0));
}

TEST(GgufSplit, NamesTheFilesBesideTheOutput) {
  const auto paths = [](const fs::path& output, const SplitLimits& split) {
    const auto tensors = some_tensors();
    const auto parts = plan_split(output, some_metadata(), tensors, split);
    std::vector<std::string> out;
    for (const GgufPart& part : *parts) out.push_back(part.path.string());
    return out;
  };
  EXPECT_THAT(paths("dir/m.gguf", {.tensors = 3}),
              ElementsAre("dir/m-00001-of-00002.gguf", "dir/m-00002-of-00002.gguf"));
  EXPECT_THAT(paths("dir/m.v1", {.tensors = 9}), ElementsAre("dir/m.v1-00001-of-00001.gguf"));
  EXPECT_THAT(paths("dir/m.gguf", {}), ElementsAre("dir/m.gguf"));
}

TEST(GgufSplit, DropsTheSplitKeysOfTheSource) {
  Metadata metadata = some_metadata();
  metadata.set("split.no", {ValueType::u16, std::uint64_t{7}, {}});
  metadata.set("split.count", {ValueType::u16, std::uint64_t{9}, {}});
  metadata.set("split.tensors.count", {ValueType::i32, std::int64_t{11}, {}});
  const auto tensors = some_tensors();
  const auto whole = plan_split("m.gguf", metadata, tensors, {});
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->front().metadata.entries().size(), some_metadata().entries().size());
  const auto parts = plan_split("m.gguf", metadata, tensors, {.tensors = 3});
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->front().metadata.get_uint("split.no").value_or(7), 0U);
  EXPECT_EQ(parts->front().metadata.get_uint("split.count").value_or(0), 2U);
}

TEST(GgufSplit, RefusesMoreFilesThanAreReadAgain) {
  std::vector<TensorInfo> tensors;
  for (int i = 0; i < 1025; ++i) tensors.push_back({"t" + std::to_string(i), CodecId::f32, {1}, 0});
  const auto many = plan_split("m", some_metadata(), tensors, {.tensors = 1});
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code.name, "SPLIT_FILES");
  EXPECT_THAT(many.error().message, HasSubstr("1,025 files"));
  EXPECT_EQ(counts({.tensors = 2}, tensors).size(), 513U);
}

TEST(GgufSplit, RefusesWhatOneFileCouldNotHold) {
  const std::vector<TensorInfo> twice = {{"t", CodecId::f32, {1}, 0}, {"t", CodecId::f32, {1}, 0}};
  const auto parts = plan_split("m", some_metadata(), twice, {.tensors = 1});
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().code.name, "GGUF_TENSOR_NAME");
}

class GgufSplitWriterTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<GgufPart> parts(const fs::path& folder) const {
    auto planned = plan_split(folder / "m.gguf", metadata_, tensors_, {.tensors = 2});
    EXPECT_TRUE(planned);
    return std::move(*planned);
  }
  [[nodiscard]] std::unique_ptr<GgufWriter> create(std::string_view fingerprint = "job") const {
    auto writer = GgufWriter::create(parts(folder_), fingerprint);
    EXPECT_TRUE(writer) << format_error(writer.error());
    return writer ? std::move(*writer) : nullptr;
  }
  void write_rest(GgufWriter& writer, std::size_t end = SIZE_MAX) const {
    for (std::size_t i = 0; i < std::min(end, tensors_.size()); ++i) {
      if (writer.done(i)) continue;
      const auto result = writer.write(i, data_of(i, bytes_[i]));
      ASSERT_TRUE(result) << format_error(result.error());
    }
  }
  // Every file of a folder by its name.
  static std::map<std::string, std::string> files_of(const fs::path& folder) {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::directory_iterator(folder)) {
      out[entry.path().filename().string()] =
          sys::read_text_file(entry.path(), 1 << 24).value_or("<unreadable>");
    }
    return out;
  }
  // What every interrupted job must end with.
  [[nodiscard]] std::map<std::string, std::string> reference() const {
    const fs::path folder = mote::testing::fresh_folder();
    auto writer = GgufWriter::create(parts(folder), "job");
    EXPECT_TRUE(writer);
    write_rest(**writer);
    EXPECT_TRUE((*writer)->finish());
    return files_of(folder);
  }
  // Status of a child that does the whole job, killed before rename number `renames`.
  [[nodiscard]] int run_child(int renames) const {
    const pid_t child = ::fork();
    if (child == 0) {
      renames_until_kill = renames;
      auto writer = GgufWriter::create(parts(folder_), "job");
      if (!writer) ::_exit(3);
      for (std::size_t i = 0; i < tensors_.size(); ++i) {
        if (!(*writer)->done(i) && !(*writer)->write(i, data_of(i, bytes_[i]))) ::_exit(4);
      }
      ::_exit((*writer)->finish() ? 0 : 5);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }
  [[nodiscard]] fs::path shard(int number) const {
    return folder_ / ("m-0000" + std::to_string(number) + "-of-00003.gguf");
  }

  fs::path folder_ = mote::testing::fresh_folder();
  Metadata metadata_ = some_metadata();
  std::vector<TensorInfo> tensors_ = some_tensors();
  std::vector<std::uint64_t> bytes_ = {32, 96, 54, 10, 160};
};

// The bytes as llama-gguf-split writes them, put together by hand.
TEST_F(GgufSplitWriterTest, WritesTheBytesOfEveryFile) {
  const auto written = reference();
  const auto split = [](TestGguf file, std::uint16_t no) {
    file.entry("split.no", 2, Bytes().put(no));
    file.entry("split.tensors.count", 5, Bytes().put(std::int32_t{5}));
    return file.entry("split.count", 2, Bytes().put(std::uint16_t{3}));
  };
  const auto text = [](std::size_t index, std::uint64_t bytes) {
    std::string out;
    for (const std::byte b : data_of(index, bytes)) out += static_cast<char>(b);
    return out.append((32 - bytes % 32) % 32, '\0');
  };
  TestGguf first;
  first.entry("general.architecture", 8, Bytes().string("llama"));
  first.entry("llama.block_count", 4, Bytes().u32(1));
  first = split(first, 0);
  first.tensor({"a", {8}, 0, 0}).tensor({"b", {8, 3}, 0, 32});
  first.data = text(0, 32) + text(1, 96);
  TestGguf second = split({}, 1);
  second.tensor({"c", {32, 3}, 2, 0}).tensor({"d", {5}, 1, 64});
  second.data = text(2, 54) + text(3, 10);
  TestGguf third = split({}, 2);
  third.tensor({"e", {8, 5}, 0, 0});
  third.data = text(4, 160);
  ASSERT_EQ(written.size(), 3U);
  EXPECT_EQ(written.at("m-00001-of-00003.gguf"), first.text());
  EXPECT_EQ(written.at("m-00002-of-00003.gguf"), second.text());
  EXPECT_EQ(written.at("m-00003-of-00003.gguf"), third.text());
}

TEST_F(GgufSplitWriterTest, EveryFileKeepsTheAlignment) {
  metadata_.set_u32("general.alignment", 128);
  auto writer = create();
  write_rest(*writer);
  ASSERT_TRUE(writer->finish());
  const auto model = open_checkpoint(shard(1));
  ASSERT_TRUE(model) << format_error(model.error());
  const auto second = GgufFile::open(shard(2));
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)->metadata().get_uint("general.alignment").value_or(0), 128U);
  EXPECT_EQ(model->metadata.entries().size(), 3U);
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto tensor = model->source->read(i);
    ASSERT_TRUE(tensor);
    const auto expected = data_of(i, bytes_[i]);
    EXPECT_TRUE(
        std::equal(expected.begin(), expected.end(), tensor->blocks().begin(), tensor->blocks().end()));
  }
}

TEST_F(GgufSplitWriterTest, ResumesAfterEveryTensorWithTheSameBytes) {
  const auto expected = reference();
  for (std::size_t steps = 0; steps <= tensors_.size(); ++steps) {
    folder_ = mote::testing::fresh_folder();
    {
      auto writer = create();
      write_rest(*writer, steps);
    }
    for (const auto& [name, content] : files_of(folder_)) EXPECT_THAT(name, HasSubstr(".part"));
    auto writer = create();
    EXPECT_EQ(writer->done_count(), steps);
    write_rest(*writer);
    ASSERT_TRUE(writer->finish());
    EXPECT_EQ(files_of(folder_), expected) << steps;
  }
}

TEST_F(GgufSplitWriterTest, AKillBetweenRenamesLeavesNoFirstFileAndNoWork) {
  const auto expected = reference();
  for (const bool replaces : {false, true}) {
    for (int renames = 0; renames < 3; ++renames) {
      folder_ = mote::testing::fresh_folder();
      for (int i = 1; replaces && i <= 3; ++i) save(shard(i), "old shard");
      const int status = run_child(renames);
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
      EXPECT_FALSE(fs::exists(shard(1))) << "an old first file would open new ones";
      for (int i = 2; i <= 3; ++i) {
        const bool has_name = i > 3 - renames;
        EXPECT_EQ(fs::exists(shard(i).string() + ".part"), !has_name);
        EXPECT_EQ(fs::exists(shard(i)), has_name || replaces);
      }
      auto writer = create();
      EXPECT_EQ(writer->done_count(), tensors_.size()) << "renames: " << renames;
      for (std::size_t i = 0; i < tensors_.size(); ++i) {
        std::vector<std::byte> back(bytes_[i]);
        EXPECT_TRUE(writer->read(i, back));
        EXPECT_EQ(back, data_of(i, bytes_[i])) << i;
      }
      ASSERT_TRUE(writer->finish());
      EXPECT_EQ(files_of(folder_), expected);
    }
  }
  folder_ = mote::testing::fresh_folder();
  EXPECT_EQ(run_child(3), 0) << "three files, three renames";
  EXPECT_EQ(files_of(folder_), expected);
}

// A file under a final name whose part is gone is taken only where every byte is the job's.
TEST_F(GgufSplitWriterTest, WritesARenamedFileAgainWhereOneByteDiffers) {
  const auto expected = reference();
  const std::string good = expected.at("m-00002-of-00003.gguf");
  for (std::size_t byte = 0; byte <= good.size(); ++byte) {
    folder_ = mote::testing::fresh_folder();
    ASSERT_TRUE(WIFSIGNALED(run_child(2)));
    std::string damaged = good;
    if (byte < good.size()) damaged[byte] = static_cast<char>(damaged[byte] ^ 1);
    if (byte == good.size()) damaged += '\0';
    save(shard(2), damaged);
    {
      auto writer = create();
      EXPECT_EQ(sys::read_text_file(shard(2), 1 << 20).value_or(""), damaged)
          << "changed under its final name";
      EXPECT_EQ(writer->done_count(), 3U) << byte;
      write_rest(*writer);
      ASSERT_TRUE(writer->finish());
    }
    ASSERT_EQ(files_of(folder_), expected) << byte;
  }
}

TEST_F(GgufSplitWriterTest, AnotherJobTakesNothingFromRenamedFiles) {
  ASSERT_TRUE(WIFSIGNALED(run_child(2)));
  EXPECT_EQ(create("another job")->done_count(), 0U);
}

TEST_F(GgufSplitWriterTest, RefusesASecondJobAndAFolder) {
  const auto first = create();
  const auto second = GgufWriter::create(parts(folder_), "job");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code.name, "JOB_LOCKED");
  const fs::path other = mote::testing::fresh_folder();
  fs::create_directory(other / "m-00002-of-00003.gguf");
  const auto folder = GgufWriter::create(parts(other), "job");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code.name, "OUTPUT_CREATE");
  EXPECT_EQ(files_of(other).size(), 1U);
}

TEST_F(GgufSplitWriterTest, DiscardRemovesEveryPart) {
  auto writer = create();
  write_rest(*writer, 4);
  writer->discard();
  EXPECT_TRUE(files_of(folder_).empty());
}

}  // namespace
}  // namespace mote::formats
