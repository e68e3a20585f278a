#include "formats/gguf_shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "formats/checkpoint.h"
#include "formats/gguf_test_file.h"
#include "testing/environment.h"

namespace mote::formats {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::save;
using testing::TestGguf;

constexpr std::uint32_t kU16 = 2;
constexpr std::uint32_t kI32 = 5;
constexpr std::uint32_t kString = 8;

// As llama-gguf-split writes them: the model's metadata in the first file alone.
TestGguf shard(std::uint16_t no, std::uint16_t count, std::int32_t tensors) {
  TestGguf file;
  if (no == 0) file.entry("general.architecture", kString, Bytes().string("llama"));
  file.entry("split.no", kU16, Bytes().put(no));
  file.entry("split.count", kU16, Bytes().put(count));
  file.entry("split.tensors.count", kI32, Bytes().put(tensors));
  return file;
}

TestGguf with(TestGguf file, std::string_view name, char fill) {
  file.tensor({std::string(name), {8}, 0, file.data.size()});
  file.data += std::string(32, fill);
  return file;
}

class GgufShardsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write(0, with(with(shard(0, 3, 4), "a.weight", 'A'), "b.weight", 'B'));
    write(1, with(shard(1, 3, 4), "c.weight", 'C'));
    write(2, with(shard(2, 3, 4), "d.weight", 'D'));
  }
  [[nodiscard]] std::filesystem::path path(int no) const {
    return folder_ / ("my model-0000" + std::to_string(no + 1) + "-of-00003.gguf");
  }
  void write(int no, const TestGguf& file) const { save(path(no), file.text()); }
  std::string code(const std::filesystem::path& file) {
    const auto checkpoint = open_checkpoint(file);
    if (checkpoint) return "opened";
    error_ = checkpoint.error();
    EXPECT_LE(format_error(error_).size(), 500U);
    return std::string(error_.code.name);
  }
  std::filesystem::path folder_ = mote::testing::fresh_folder();
  Error error_;
};

TEST_F(GgufShardsTest, AreOneSource) {
  const auto checkpoint = open_checkpoint(path(0));
  ASSERT_TRUE(checkpoint) << format_error(checkpoint.error());
  EXPECT_THAT(checkpoint->files, ElementsAre(path(0), path(1), path(2)));
  const TensorSource& source = *checkpoint->source;
  ASSERT_EQ(source.tensors().size(), 4U);
  const std::string names = "abcd";
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(source.tensors()[i].name, std::string(1, names[i]) + ".weight");
    EXPECT_EQ(source.find(source.tensors()[i].name), i);
    const auto tensor = source.read(i);
    ASSERT_TRUE(tensor);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(tensor->blocks().data()), tensor->blocks().size()),
              std::string(32, static_cast<char>('A' + i)));
    source.dont_need(i);
  }
  for (int no = 0; no < 3; ++no) bytes += std::filesystem::file_size(path(no));
  EXPECT_EQ(checkpoint->file_bytes, bytes);
  EXPECT_FALSE(source.find("split.no"));
  ASSERT_EQ(checkpoint->metadata.entries().size(), 1U) << "the model's metadata, without the split keys";
  EXPECT_EQ(checkpoint->metadata.entries()[0].key, "general.architecture");
  EXPECT_TRUE(source.check());
  std::filesystem::resize_file(path(2), 100);
  EXPECT_EQ(source.check().error().code.name, "MODEL_CHANGED");
  EXPECT_EQ(source.read(3).error().code.name, "MODEL_CHANGED");
}

TEST_F(GgufShardsTest, TheFirstMayHaveNoTensorsAndACountOfOneIsNoSplit) {
  write(0, shard(0, 3, 2));
  write(1, with(shard(1, 3, 2), "c.weight", 'C'));
  write(2, with(shard(2, 3, 2), "d.weight", 'D'));
  EXPECT_EQ(code(path(0)), "opened");
  EXPECT_EQ(code(save(folder_ / "alone.gguf", with(shard(0, 1, 1), "a.weight", 'A').text())), "opened");
}

TEST_F(GgufShardsTest, OpensFromTheFirstOneOnly) {
  for (int no = 1; no < 3; ++no) {
    EXPECT_EQ(code(path(no)), "GGUF_SPLIT");
    EXPECT_THAT(error_.hint, HasSubstr("my model-00001-of-00003.gguf"));
  }
  std::filesystem::copy_file(path(0), folder_ / "renamed.gguf");
  EXPECT_EQ(code(folder_ / "renamed.gguf"), "GGUF_SPLIT");
  EXPECT_THAT(error_.message, HasSubstr("-NUMBER-of-COUNT.gguf"));
}

TEST_F(GgufShardsTest, NamesTheShardThatIsMissing) {
  std::filesystem::remove(path(1));
  EXPECT_EQ(code(path(0)), "GGUF_SPLIT");
  EXPECT_EQ(error_.file, path(1).string());
  EXPECT_THAT(error_.message, HasSubstr("shard 2 of 3 is missing"));
  std::filesystem::create_directory(path(1));
  EXPECT_EQ(code(path(0)), "INPUT_NOT_REGULAR");
}

TEST_F(GgufShardsTest, RefusesWhateverDisagrees) {
  const struct {
    const char* what;
    TestGguf file;
  } cases[] = {
      {"number", with(shard(2, 3, 4), "c.weight", 'C')},
      {"number past the count", with(shard(3, 3, 4), "c.weight", 'C')},
      {"count", with(shard(1, 2, 4), "c.weight", 'C')},
      {"total", with(shard(1, 3, 5), "c.weight", 'C')},
      {"a tensor too many", with(with(shard(1, 3, 4), "c.weight", 'C'), "e.weight", 'E')},
      {"a tensor too few", shard(1, 3, 4)},
      {"a tensor twice", with(shard(1, 3, 4), "a.weight", 'A')},
      {"negative total", with(shard(1, 3, -4), "c.weight", 'C')},
      {"no split keys", with(TestGguf(), "c.weight", 'C')},
      {"another model",
       with(shard(1, 3, 4).entry("general.architecture", kString, Bytes().string("qwen2")), "c.weight", 'C')},
      {"a key of its own",
       with(shard(1, 3, 4).entry("general.name", kString, Bytes().string("x")), "c.weight", 'C')},
      {"a key of another type",
       with(shard(1, 3, 4).entry("general.architecture", kU16, Bytes().put(std::uint16_t{1})), "c.weight",
            'C')}};
  for (const auto& c : cases) {
    write(1, c.file);
    EXPECT_EQ(code(path(0)), "GGUF_SPLIT") << c.what;
    EXPECT_EQ(error_.byte_position, std::nullopt);
  }
  write(1, with(shard(1, 3, 4).entry("general.architecture", kString, Bytes().string("llama")), "c.weight",
                'C'));
  EXPECT_EQ(code(path(0)), "opened") << "repeating what the first one says is no harm";
  // Damage of a later shard is that file's.
  save(path(2), with(shard(2, 3, 4), "d.weight", 'D').text().substr(0, 150));
  EXPECT_EQ(code(path(0)), "GGUF_TRUNCATED");
  EXPECT_EQ(error_.file, path(2).string());
}

TEST_F(GgufShardsTest, BoundsTheNumberOfFilesAndTensors) {
  EXPECT_EQ(code(save(folder_ / "x-00001-of-65535.gguf", shard(0, 65535, 4).text())), "GGUF_SPLIT");
  EXPECT_THAT(error_.message, HasSubstr("limit is 1,024"));
  EXPECT_EQ(code(save(folder_ / "x-00001-of-00003.gguf", shard(0, 3, 2'000'000'000).text())), "GGUF_SPLIT");
  EXPECT_THAT(error_.message, HasSubstr("limit is 65,536"));
  EXPECT_EQ(code(save(folder_ / "y-00001-of-00000.gguf", shard(0, 0, 0).text())), "opened");
}

TEST_F(GgufShardsTest, SplitKeysOfOtherTypesAreRefused) {
  TestGguf file;
  file.entry("split.count", kString, Bytes().string("3"));
  EXPECT_EQ(code(save(folder_ / "x-00001-of-00003.gguf", file.text())), "GGUF_SPLIT");
}

TEST_F(GgufShardsTest, SurvivesEveryFlippedBitOfTheFirstHeader) {
  const std::string good = with(with(shard(0, 3, 4), "a.weight", 'A'), "b.weight", 'B').text();
  for (std::size_t bit = 0; bit < (good.size() - 64) * 8; ++bit) {
    testing::flip_bit(path(0), bit);
    static_cast<void>(code(path(0)));
    testing::flip_bit(path(0), bit);
  }
  EXPECT_EQ(code(path(0)), "opened");
}

TEST(ShardPath, CountsFromOneInFiveDigits) {
  EXPECT_EQ(shard_path("dir/name", 0, 3), "dir/name-00001-of-00003.gguf");
  EXPECT_EQ(shard_path("name.x", 99'999, 100'000), "name.x-100000-of-100000.gguf");
}

}  // namespace
}  // namespace mote::formats
