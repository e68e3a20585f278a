#include "formats/safetensors_shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "formats/gguf_test_file.h"
#include "testing/environment.h"

namespace mote::formats {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;
using testing::save;

// A shard with one tensor of 4 floats.
std::string shard(std::string_view tensor, char fill) {
  const std::string header =
      "{\"" + std::string(tensor) + R"(":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})";
  return Bytes().string(header).raw(std::string(16, fill)).text();
}

class SafetensorsShardsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    save(folder_ / "one.safetensors", shard("a", 'A'));
    save(folder_ / "two.safetensors", shard("b", 'B'));
  }
  Result<std::unique_ptr<SafetensorsShards>> open(std::string_view index) {
    return SafetensorsShards::open(save(folder_ / "model.safetensors.index.json", index));
  }
  std::string code(std::string_view index) {
    const auto shards = open(index);
    if (shards) return "opened";
    message_ = shards.error().message;
    return std::string(shards.error().code.name);
  }
  // The code with tensor b in a file of this name.
  std::string code_of_name(std::string_view name) {
    return code(R"({"weight_map":{"a":"one.safetensors","b":")" + std::string(name) + "\"}}");
  }
  std::filesystem::path folder_ = mote::testing::fresh_folder();
  std::string message_;
};

constexpr std::string_view kGood =
    R"({"metadata":{"total_size":32},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})";

TEST_F(SafetensorsShardsTest, ShowsAllShardsAsOneSource) {
  const auto shards = open(kGood);
  ASSERT_TRUE(shards) << format_error(shards.error());
  EXPECT_EQ((*shards)->shard_count(), 2U);
  ASSERT_EQ((*shards)->tensors().size(), 2U);
  EXPECT_EQ((*shards)->file_bytes(), shard("a", 'A').size() + shard("b", 'B').size());
  for (const auto& [name, fill] : {std::pair{"a", 'A'}, std::pair{"b", 'B'}}) {
    const auto at = (*shards)->find(name);
    ASSERT_TRUE(at);
    EXPECT_EQ((*shards)->tensors()[*at].name, name);
    const auto tensor = (*shards)->read(*at);
    ASSERT_TRUE(tensor);
    EXPECT_EQ(tensor->blocks().size(), 16U);
    EXPECT_EQ(tensor->blocks()[7], static_cast<std::byte>(fill));
  }
  EXPECT_EQ((*shards)->find("c"), std::nullopt);
}

// Reliability table, row 33.
TEST_F(SafetensorsShardsTest, TakesPlainNamesOnly) {
  save(folder_.parent_path() / "outside.safetensors", shard("b", 'B'));
  std::filesystem::create_directory(folder_ / "sub");
  save(folder_ / "sub" / "two.safetensors", shard("b", 'B'));
  for (const std::string& name :
       {std::string("../outside.safetensors"), (folder_ / "two.safetensors").string(),
        std::string("sub/two.safetensors"), std::string("./two.safetensors"), std::string(".."),
        std::string("."), std::string(), std::string("sub\\\\two"), std::string("a\\u0000b"),
        std::string(300, 'x')}) {
    EXPECT_EQ(code_of_name(name), "ST_INDEX") << name;
  }
  EXPECT_EQ(code(R"({"weight_map":{"a":"one.safetensors","b":7}})"), "ST_INDEX");
  std::filesystem::remove(folder_.parent_path() / "outside.safetensors");
}

TEST_F(SafetensorsShardsTest, SaysWhichShardIsMissing) {
  EXPECT_EQ(code_of_name("three.safetensors"), "ST_INDEX");
  EXPECT_THAT(message_, HasSubstr("\"three.safetensors\""));
}

TEST_F(SafetensorsShardsTest, RefusesShardsThatAreNoRegularFiles) {
  std::filesystem::create_directory(folder_ / "dir.safetensors");
  EXPECT_EQ(code_of_name("dir.safetensors"), "INPUT_NOT_REGULAR");
  ASSERT_EQ(::mkfifo((folder_ / "pipe.safetensors").c_str(), 0600), 0);
  EXPECT_EQ(code_of_name("pipe.safetensors"), "INPUT_NOT_REGULAR");
}

TEST_F(SafetensorsShardsTest, FollowsLinksInsideTheFolderOnly) {
  std::filesystem::create_symlink("two.safetensors", folder_ / "inside.safetensors");
  EXPECT_EQ(code_of_name("inside.safetensors"), "opened");
  const auto elsewhere = mote::testing::fresh_folder() / "two.safetensors";
  save(elsewhere, shard("b", 'B'));
  std::filesystem::create_symlink(elsewhere, folder_ / "outside.safetensors");
  EXPECT_EQ(code_of_name("outside.safetensors"), "ST_INDEX");
  EXPECT_THAT(message_, HasSubstr("leaves the model's folder"));
}

TEST_F(SafetensorsShardsTest, FollowsTheLinksOfAHuggingFaceCache) {
  const auto root = mote::testing::fresh_folder();
  std::filesystem::create_directories(root / "snapshots" / "abc");
  std::filesystem::create_directories(root / "blobs");
  save(root / "blobs" / "h1", shard("a", 'A'));
  save(root / "secret", shard("a", 'A'));
  std::filesystem::create_symlink("../../blobs/h1", root / "snapshots" / "abc" / "one.safetensors");
  const auto index = save(root / "snapshots" / "abc" / "i.json", R"({"weight_map":{"a":"one.safetensors"}})");
  EXPECT_TRUE(SafetensorsShards::open(index));
  std::filesystem::remove(root / "snapshots" / "abc" / "one.safetensors");
  std::filesystem::create_symlink("../../secret", root / "snapshots" / "abc" / "one.safetensors");
  const auto refused = SafetensorsShards::open(index);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code.name, "ST_INDEX");
}

TEST_F(SafetensorsShardsTest, RefusesAnIndexThatDisagreesWithTheFiles) {
  // Tensor a lies in both shards.
  save(folder_ / "two.safetensors", shard("a", 'B'));
  EXPECT_EQ(code(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})"), "ST_INDEX");
  SetUp();
  EXPECT_EQ(code(R"({"weight_map":{"a":"two.safetensors","b":"one.safetensors"}})"), "ST_INDEX");
  EXPECT_EQ(code(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors","c":"two.safetensors"}})"),
            "ST_INDEX");
  EXPECT_THAT(message_, HasSubstr("\"c\""));
  EXPECT_EQ(code(R"({"weight_map":{"a":"one.safetensors","c":"two.safetensors"}})"), "ST_INDEX");
}

TEST_F(SafetensorsShardsTest, RefusesAnIndexWithoutAMap) {
  for (const char* index :
       {"", "[]", "{}", R"({"weight_map":[]})", R"({"weight_map":{}})",
        "{\"weight_map\":", R"({"weight_map":{"a":"one.safetensors","a":"two.safetensors"}})"}) {
    EXPECT_EQ(code(index), "ST_INDEX") << index;
  }
}

TEST_F(SafetensorsShardsTest, PassesOnWhatIsWrongWithAShard) {
  save(folder_ / "two.safetensors", "PK\x03\x04 and so on, archive/data.pkl");
  EXPECT_EQ(code(kGood), "FORMAT_PICKLE");
  save(folder_ / "two.safetensors", "short");
  EXPECT_EQ(code(kGood), "ST_HEADER_LENGTH");
}

}  // namespace
}  // namespace mote::formats
