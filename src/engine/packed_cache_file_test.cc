#include "engine/packed_cache_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/tiny_gguf.h"
#include "formats/gguf_test_file.h"
#include "sys/output_file.h"
#include "tensor/aligned_buffer.h"
#include "testing/environment.h"

namespace mote::engine {
namespace {

using formats::testing::flip_bit;
using formats::testing::save;
using ::testing::HasSubstr;

constexpr std::uint64_t kDigest = 0x0123456789ABCDEF;
constexpr std::uint64_t kStamp = 0xFEDCBA9876543210;
// Of docs/formats/packed-cache.md.
constexpr std::size_t kStampBegin = 88;
constexpr std::size_t kStampEnd = 104;

class PackedCacheFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    layout_ = layout_of({});
    tiles_ = AlignedBuffer(layout_.bytes());
    Rng rng(5);
    for (std::size_t i = 0; i < tiles_.size(); ++i)
      tiles_.data()[i] = static_cast<std::byte>(rng.next_below(256));
    ASSERT_TRUE(write());
  }

  PackedLayout layout_of(const testing::TinyGguf& options) {
    const auto model = model::open_model(testing::write_tiny_gguf(folder_ / "other.gguf", options));
    EXPECT_TRUE(model);
    return {*model, false};
  }
  Result<void> write(std::optional<std::uint64_t> stamp = kStamp) {
    return write_packed_cache(path_, layout_, {tiles_.data(), tiles_.size()}, kDigest, stamp, pool_);
  }
  // What is wrong with the file; empty: nothing.
  std::string fault(const PackedLayout& layout) {
    const auto file = PackedCacheFile::open(path_, layout);
    if (!file) return format_error(file.error());
    const auto verified = file->verify_tiles(pool_);
    return verified ? "" : format_error(verified.error());
  }
  std::string fault() { return fault(layout_); }

  std::filesystem::path folder_ = mote::testing::fresh_folder();
  std::filesystem::path path_ = folder_ / "m.gguf.mote-cache";
  sys::ThreadPool pool_{1};
  PackedLayout layout_;
  AlignedBuffer tiles_;
};

TEST_F(PackedCacheFiles, GiveBackWhatWasWritten) {
  const auto file = PackedCacheFile::open(path_, layout_);
  ASSERT_TRUE(file) << format_error(file.error());
  EXPECT_TRUE(file->verify_tiles(pool_));
  EXPECT_EQ(file->model_digest(), kDigest);
  EXPECT_EQ(file->model_stamp(), kStamp);
  ASSERT_EQ(file->tiles().size(), tiles_.size());
  EXPECT_EQ(std::memcmp(file->tiles().data(), tiles_.data(), tiles_.size()), 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file->tiles().data()) % 64, 0U);
  EXPECT_FALSE(std::filesystem::exists(path_.string() + ".part"));
}

// The example of the document, byte by byte.
TEST_F(PackedCacheFiles, BeginAsTheDocumentSays) {
  const std::string bytes = mote::testing::content_of(path_);
  const auto number = [&](std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, size);
    return value;
  };
  EXPECT_EQ(bytes.substr(0, 8), "MOTEPACK");
  EXPECT_EQ(number(8, 4), 1U);            // version of the format
  EXPECT_EQ(number(12, 4), 0x01020304U);  // order of bytes
  EXPECT_EQ(number(20, 4), 16U);          // rows of a tile
  EXPECT_EQ(number(24, 8), layout_.places().size());
  EXPECT_EQ(number(40, 8) % 4096, 0U);
  EXPECT_EQ(number(48, 8), tiles_.size());
  EXPECT_EQ(number(56, 8), bytes.size());
  EXPECT_EQ(number(40, 8) + number(48, 8), bytes.size());
  EXPECT_EQ(number(64, 8), 1U << 20U);
  EXPECT_EQ(number(72, 8), kDigest);
  EXPECT_EQ(number(88, 8), kStamp);
  const PackedPlace& first = layout_.places()[0];
  EXPECT_EQ(number(104, 4), first.tensor.size());
  EXPECT_EQ(bytes.substr(108, first.tensor.size()), first.tensor);
}

TEST_F(PackedCacheFiles, AreRefusedWhenCutAtAnyByte) {
  const std::string whole = mote::testing::content_of(path_);
  for (std::size_t length = whole.size(); length-- > 0;) {
    std::filesystem::resize_file(path_, length);
    ASSERT_THAT(fault(), HasSubstr("error[CACHE_UNUSABLE]")) << length;
  }
  save(path_, whole + "x");
  EXPECT_THAT(fault(), HasSubstr("expected are"));
  save(path_, whole);
  EXPECT_EQ(fault(), "");
}

// A wrong stamp is the only damage that is no fault: it says less than the digest and is not believed.
TEST_F(PackedCacheFiles, AreRefusedWithAnyBitWrong) {
  const std::size_t bits = 8 * std::filesystem::file_size(path_);
  for (std::size_t bit = 0; bit < bits; bit += bit / 8 < 256 ? 1 : 7) {
    flip_bit(path_, bit);
    if (bit / 8 >= kStampBegin && bit / 8 < kStampEnd) {
      const auto file = PackedCacheFile::open(path_, layout_);
      ASSERT_TRUE(file) << bit;
      ASSERT_EQ(file->model_stamp(), std::nullopt) << bit;
      ASSERT_EQ(file->model_digest(), kDigest);
    } else {
      ASSERT_THAT(fault(), HasSubstr("error[CACHE_UNUSABLE]")) << bit;
    }
    flip_bit(path_, bit);
  }
  EXPECT_EQ(fault(), "");
}

TEST_F(PackedCacheFiles, SayWhatTheyAreInstead) {
  save(path_, std::string(9000, 'x'));
  EXPECT_THAT(fault(), HasSubstr("is no cache of packed weights"));
  save(path_, "");
  EXPECT_THAT(fault(), HasSubstr("ends inside its header"));
  ASSERT_TRUE(write());
  flip_bit(path_, 8 * 16);  // of the tiles' layout
  EXPECT_THAT(fault(), HasSubstr("another version of mote"));
  flip_bit(path_, 8 * 16);
  EXPECT_THAT(fault(layout_of({.codec = CodecId::q8_0})), HasSubstr("other matrices"));
  EXPECT_THAT(fault(layout_of({.architecture = "phi3"})), HasSubstr("other matrices"));
  EXPECT_THAT(fault(PackedLayout()), HasSubstr("no tiles"));
  // Other weights of the same matrices: that is for the digest to say.
  EXPECT_EQ(fault(layout_of({.seed = 9})), "");
  std::filesystem::remove(path_);
  EXPECT_THAT(fault(), HasSubstr("INPUT_MISSING"));
  std::filesystem::create_directory(path_);
  EXPECT_THAT(fault(), HasSubstr("INPUT_NOT_REGULAR"));
}

TEST_F(PackedCacheFiles, GetAStampLater) {
  ASSERT_TRUE(write(std::nullopt));
  const auto file = PackedCacheFile::open(path_, layout_);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->model_stamp(), std::nullopt);
  ASSERT_TRUE(file->restamp(kStamp));
  EXPECT_EQ(PackedCacheFile::open(path_, layout_)->model_stamp(), kStamp);
  EXPECT_EQ(fault(), "");
  // The stamp of one cache says nothing in another one that has taken its name meanwhile.
  ASSERT_TRUE(write_packed_cache(path_, layout_, {tiles_.data(), tiles_.size()}, kDigest + 1, kStamp, pool_));
  ASSERT_TRUE(file->restamp(kStamp + 1));
  EXPECT_EQ(PackedCacheFile::open(path_, layout_)->model_stamp(), std::nullopt);
}

TEST_F(PackedCacheFiles, AreWrittenByOneAtATimeAndOverLeftovers) {
  const std::filesystem::path part = path_.string() + ".part";
  save(part, std::string(3 * tiles_.size() + 100'000, 'x'));  // of a job that was killed
  ASSERT_TRUE(write());
  EXPECT_EQ(fault(), "");
  {
    const auto other = sys::OutputFile::open_locked(part);
    ASSERT_TRUE(other);
    const auto refused = write();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code.name, "JOB_LOCKED");
    EXPECT_EQ(fault(), "");
  }
  ASSERT_TRUE(write());
  // What fails leaves nothing: here the name is that of a folder with something in it.
  std::filesystem::remove(path_);
  std::filesystem::create_directories(path_ / "x");
  EXPECT_FALSE(write());
  EXPECT_FALSE(std::filesystem::exists(part));
}

}  // namespace
}  // namespace mote::engine
