#include "engine/model_identity.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "base/hash64.h"
#include "formats/gguf_test_file.h"
#include "testing/environment.h"

namespace mote::engine {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

// Files that are no models: what is in them does not matter here.
class Files : public formats::TensorSource {
 public:
  explicit Files(const std::vector<std::filesystem::path>& paths) {
    for (const auto& path : paths) mapped_.push_back(std::move(*sys::MappedFile::open(path)));
  }
  [[nodiscard]] std::span<const formats::TensorInfo> tensors() const override { return {}; }
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t) const override { return QuantizedTensor{}; }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view) const override { return std::nullopt; }
  [[nodiscard]] std::vector<const sys::MappedFile*> files() const override {
    std::vector<const sys::MappedFile*> all;
    for (const sys::MappedFile& file : mapped_) all.push_back(&file);
    return all;
  }

 private:
  std::vector<sys::MappedFile> mapped_;
};

std::string some_text(std::size_t bytes) {
  std::string text(bytes, '\0');
  std::uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  return text;
}

std::uint64_t digest(const std::vector<std::filesystem::path>& paths, unsigned threads = 1) {
  sys::ThreadPool pool(threads);
  return digest_model(pool, Files(paths));
}

std::uint64_t stamp(const std::filesystem::path& path) {
  return stamp_model(Files({path}), system_clock::now())->value;
}

TEST(DigestModel, IsThatOfAllBytesOnAnyNumberOfThreads) {
  const auto folder = mote::testing::fresh_folder();
  constexpr std::size_t kMiB = 1U << 20U;
  const std::string text = some_text(2 * kMiB + 5);
  const auto path = formats::testing::save(folder / "a", text);
  // Written out for three pieces of one file.
  const std::uint64_t pieces[] = {hash64(std::string_view(text).substr(0, kMiB)),
                                  hash64(std::string_view(text).substr(kMiB, kMiB)),
                                  hash64(std::string_view(text).substr(2 * kMiB))};
  const std::uint64_t words[] = {text.size(), hash64(std::as_bytes(std::span(pieces)))};
  EXPECT_EQ(digest({path}), hash64(std::as_bytes(std::span(words))));
  EXPECT_EQ(digest({path}), digest({path}, 3));
}

TEST(DigestModel, AnyBitLengthOrOrderOfFilesMakesAnother) {
  const auto folder = mote::testing::fresh_folder();
  const std::string text = some_text(100);
  const auto a = formats::testing::save(folder / "a", text);
  const auto b = formats::testing::save(folder / "b", text + '\0');
  std::set<std::uint64_t> seen{digest({a}), digest({b}), digest({a, b}), digest({b, a}), digest({})};
  EXPECT_EQ(seen.size(), 5U);
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    formats::testing::flip_bit(a, bit);
    EXPECT_TRUE(seen.insert(digest({a})).second) << bit;
    formats::testing::flip_bit(a, bit);
  }
}

// Tools that keep times: the content is another one, size and time of modification are not.
TEST(StampModel, IsAnotherOneForAFileThatWasChangedOrReplaced) {
  const auto folder = mote::testing::fresh_folder();
  const auto path = formats::testing::save(folder / "a", some_text(100));
  const auto time = std::filesystem::last_write_time(path);
  std::set<std::uint64_t> seen{stamp(path)};
  EXPECT_FALSE(seen.insert(stamp(path)).second);
  formats::testing::flip_bit(path, 0);
  std::filesystem::last_write_time(path, time);
  EXPECT_TRUE(seen.insert(stamp(path)).second);
  const auto other = formats::testing::save(folder / "b", some_text(100));
  std::filesystem::last_write_time(other, time);
  std::filesystem::rename(other, path);
  EXPECT_TRUE(seen.insert(stamp(path)).second);
  std::filesystem::resize_file(path, 99);
  EXPECT_TRUE(seen.insert(stamp(path)).second);
}

TEST(StampModel, SettlesOnceTheClockHasGoneOn) {
  const auto path = formats::testing::save(mote::testing::fresh_folder() / "a", "x");
  const Files files({path});
  const auto now = system_clock::now();
  EXPECT_FALSE(stamp_model(files, now)->settled);
  EXPECT_FALSE(stamp_model(files, now + seconds(2))->settled);
  EXPECT_TRUE(stamp_model(files, now + seconds(4))->settled);
  EXPECT_FALSE(stamp_model(files, now - seconds(1000))->settled);  // a machine without a clock
  EXPECT_EQ(stamp_model(files, now)->value, stamp_model(files, now + seconds(4))->value);
}

}  // namespace
}  // namespace mote::engine
