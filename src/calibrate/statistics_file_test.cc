// Both forms of a statistics file: bytes put together by hand, what comes out of them, what is refused.
#include "calibrate/statistics_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"
#include "formats/gguf_reader.h"
#include "formats/gguf_test_file.h"
#include "formats/gguf_writer.h"
#include "testing/environment.h"

namespace mote::calibrate {
namespace {

namespace fs = std::filesystem;
using formats::testing::Bytes;
using formats::testing::save;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

void is_refused(const fs::path& path, std::string_view code, const std::string& says = "") {
  const auto read = read_statistics(path);
  ASSERT_FALSE(read) << code << " " << says;
  EXPECT_EQ(read.error().code.name, code) << format_error(read.error());
  EXPECT_THAT(read.error().message, HasSubstr(says));
  EXPECT_EQ(read.error().file, path.string());
}

void are_equal(const Statistics& a, const Statistics& b) {
  EXPECT_EQ(a.datasets, b.datasets);
  EXPECT_EQ(a.windows, b.windows);
  EXPECT_EQ(a.window, b.window);
  EXPECT_EQ(a.tokens, b.tokens);
  ASSERT_EQ(a.inputs.size(), b.inputs.size());
  for (const auto& [name, sums] : a.inputs) {
    SCOPED_TRACE(name);
    const auto found = b.inputs.find(name);
    ASSERT_NE(found, b.inputs.end());
    EXPECT_EQ(found->second.counts, sums.counts);
    EXPECT_EQ(found->second.squares, sums.squares);
    EXPECT_EQ(found->second.sums, sums.sums);
  }
}

// ---------------------------------------------------------------- the older form

// As llama.cpp's tools/imatrix writes it: values are means times the number of windows.
struct Dat {
  Bytes bytes;
  explicit Dat(std::int32_t entries) { bytes.put(entries); }
  Dat& entry(std::string_view name, std::int32_t windows, std::initializer_list<float> values) {
    bytes.put(static_cast<std::int32_t>(name.size())).raw(name).put(windows);
    bytes.put(static_cast<std::int32_t>(values.size()));
    for (const float x : values) bytes.put(x);
    return *this;
  }
  Dat& end(std::int32_t windows, std::string_view dataset) {
    bytes.put(windows).put(static_cast<std::int32_t>(dataset.size())).raw(dataset);
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return bytes.text(); }
};

Dat without_end() {
  Dat out(3);
  out.entry("blk.0.attn_k.weight", 3, {6.0F, 1.5F});
  out.entry("blk.0.ffn_down_exps.weight", 2, {1.0F, 2.0F, 3.0F, 0.25F});
  out.entry("output.weight", 3, {0.1F, 0.0F});
  return out;
}

Dat example() { return without_end().end(3, "wiki.train.raw"); }

TEST(DatFile, IsReadAsMeansOfWindowsOf512Tokens) {
  const auto read = read_statistics(save(testing::fresh_folder() / "a.dat", example().text()));
  ASSERT_TRUE(read) << format_error(read.error());
  ASSERT_EQ(read->inputs.size(), 3U);
  const InputSums& k = read->inputs.at("blk.0.attn_k.weight");
  // Three windows, so the mean squares are 2 and 0.5, of 1536 tokens.
  EXPECT_THAT(k.counts, ElementsAre(1536));
  EXPECT_THAT(k.squares, ElementsAre(2.0 * 1536, 0.5 * 1536));
  EXPECT_THAT(k.sums, IsEmpty());
  const InputSums& experts = read->inputs.at("blk.0.ffn_down_exps.weight");
  EXPECT_THAT(experts.counts, ElementsAre(1024));
  EXPECT_THAT(experts.squares, ElementsAre(512, 1024, 1536, 128));
  EXPECT_EQ(read->windows, 3U);
  EXPECT_EQ(read->window, 512U);
  EXPECT_THAT(read->datasets, ElementsAre("wiki.train.raw"));
  EXPECT_THAT(read->tokens, IsEmpty());
}

TEST(DatFile, IsWrittenBackWithTheSameBytes) {
  const fs::path folder = testing::fresh_folder();
  const auto read = read_statistics(save(folder / "a.dat", example().text()));
  ASSERT_TRUE(read);
  const auto bytes = write_statistics(*read, folder / "b.dat");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(testing::content_of(folder / "b.dat"), example().text());
  EXPECT_EQ(*bytes, example().text().size());
}

TEST(DatFile, ManyValuesAreWrittenBackWithTheSameBytes) {
  // Dividing by the number of windows and multiplying again must not change a bit.
  Rng rng(7);
  Bytes bytes;
  bytes.put(std::int32_t{20});
  for (char c = 'a'; c < 'a' + 20; ++c) {
    bytes.put(std::int32_t{1}).raw({&c, 1}).put(std::int32_t{c - 'a' + 1}).put(std::int32_t{100});
    for (int i = 0; i < 100; ++i) bytes.put(static_cast<float>(std::exp(6 * rng.next_normal())));
  }
  bytes.put(std::int32_t{20}).put(std::int32_t{0});
  const fs::path folder = testing::fresh_folder();
  const auto read = read_statistics(save(folder / "a.dat", bytes.text()));
  ASSERT_TRUE(read);
  ASSERT_TRUE(write_statistics(*read, folder / "b.dat"));
  EXPECT_EQ(testing::content_of(folder / "b.dat"), bytes.text());
}

TEST(DatFile, MayEndBehindItsEntries) {
  const auto read = read_statistics(save(testing::fresh_folder() / "a.dat", without_end().text()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->inputs.size(), 3U);
  EXPECT_EQ(read->windows, 0U);
  EXPECT_THAT(read->datasets, IsEmpty());
}

TEST(DatFile, ExpertsAreWrittenAsTheirOwnMeans) {
  // Means 3, 5 of the first, none of the second; one number of windows for both: that of the larger.
  Statistics s;
  s.inputs["e"] = {{1000, 0}, {3000, 5000, 0, 0}, {}};
  const fs::path path = testing::fresh_folder() / "a.dat";
  ASSERT_TRUE(write_statistics(s, path));
  EXPECT_EQ(testing::content_of(path), Dat(1).entry("e", 2, {6, 10, 2, 2}).end(0, "").text());
}

TEST(DatFile, IsRefusedWhenCutAtAnyByte) {
  const fs::path folder = testing::fresh_folder();
  const std::string whole = example().text();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    if (length == without_end().text().size()) continue;
    SCOPED_TRACE(length);
    is_refused(save(folder / "cut.dat", whole.substr(0, length)), "STATISTICS_FILE");
  }
}

TEST(DatFile, AbsurdLengthsAreRefused) {
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  const fs::path path = testing::fresh_folder() / "a.dat";
  const auto refuses = [&](const Bytes& bytes) { is_refused(save(path, bytes.text()), "STATISTICS_FILE"); };
  const auto start = [](std::int32_t entries) {
    Bytes out;
    return out.put(entries);
  };
  for (const std::int32_t bad : {0, -1, std::numeric_limits<std::int32_t>::min()}) {
    refuses(start(bad).raw(example().text().substr(4)));                        // entries
    refuses(start(1).put(bad).raw("name").put(1).put(1).put(1.0F));             // length of a name
    refuses(start(1).put(1).raw("n").put(1).put(bad).put(1.0F));                // values
    if (bad != 0) refuses(start(1).put(1).raw("n").put(bad).put(1).put(1.0F));  // windows
  }
  refuses(start(kMost).raw(example().text().substr(4)));
  refuses(start(1).put(kMost).raw("name").put(1).put(1).put(1.0F));
  refuses(start(1).put(1).raw("n").put(1).put(kMost).put(1.0F));
  refuses(start(1).put(1).raw("n").put(1).put(1).put(1.0F).put(1).put(kMost).raw("dataset"));
  refuses(start(1).put(1).raw("n").put(1).put(1).put(1.0F).put(1).put(-1).raw("dataset"));
}

TEST(DatFile, ALargerFileThanTheLimitIsNotRead) {
  const fs::path path = save(testing::fresh_folder() / "a.dat", example().text());
  fs::resize_file(path, kMaxStatisticsBytes + 1);  // zeros that take no space
  is_refused(path, "IO_TOO_LARGE");
}

TEST(DatFile, OtherFilesAreRefused) {
  const fs::path folder = testing::fresh_folder();
  is_refused(folder / "nowhere", "INPUT_MISSING");
  is_refused(folder, "INPUT_NOT_REGULAR");
  is_refused(save(folder / "text", "Once upon a time there was a dog."), "STATISTICS_FILE");
  is_refused(testing::source_path("models/babyllama-tok105/model5000.bin"), "STATISTICS_FILE");
}

// ---------------------------------------------------------------- GGUF

Statistics all_parts() {
  Statistics s;
  s.inputs["blk.0.attn_q.weight"] = {{6}, {1, 2.5, 0}, {-1, 0.5, 0}};
  s.inputs["blk.0.ffn_up_exps.weight"] = {{6, 0}, {1, 2, 3, 4, 5, 6}, {1, -2, 3, 0, 0, 0}};
  s.inputs["output.weight"] = {{6}, {9, 8}, {}};
  s.datasets = {"a.txt", "b.txt"};
  s.windows = 2;
  s.window = 3;
  s.tokens = {5, 0, 99, 1, 2, 3};
  return s;
}

TEST(GgufFile, IsReadAsItWasWritten) {
  const fs::path path = testing::fresh_folder() / "s.gguf";
  const auto bytes = write_statistics(all_parts(), path);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, fs::file_size(path));
  const auto read = read_statistics(path);
  ASSERT_TRUE(read) << format_error(read.error());
  are_equal(*read, all_parts());
  Statistics no_tokens = all_parts();
  no_tokens.tokens.clear();
  ASSERT_TRUE(write_statistics(no_tokens, path));
  are_equal(*read_statistics(path), no_tokens);
}

TEST(GgufFile, HasTheNamesAndShapesOfLlamaCpp) {
  const fs::path path = testing::fresh_folder() / "s.gguf";
  ASSERT_TRUE(write_statistics(all_parts(), path));
  const auto file = formats::GgufFile::open(path);
  ASSERT_TRUE(file);
  EXPECT_EQ(*(*file)->metadata().get_string("general.type"), "imatrix");
  EXPECT_EQ(*(*file)->metadata().get_uint("imatrix.chunk_count"), 2U);
  EXPECT_EQ(*(*file)->metadata().get_uint("imatrix.chunk_size"), 3U);
  EXPECT_THAT(*(*file)->metadata().get_strings("imatrix.datasets"), ElementsAre("a.txt", "b.txt"));
  EXPECT_THAT(*(*file)->metadata().get_ints("mote.calibration.tokens"), ElementsAre(5, 0, 99, 1, 2, 3));
  std::vector<std::string> listing;
  for (const formats::TensorInfo& t : (*file)->tensors()) listing.push_back(t.name + to_string(t.shape));
  EXPECT_THAT(listing,
              ElementsAre("blk.0.attn_q.weight.in_sum2[3]", "blk.0.attn_q.weight.counts[1]",
                          "blk.0.attn_q.weight.in_sum[3]", "blk.0.ffn_up_exps.weight.in_sum2[2, 3]",
                          "blk.0.ffn_up_exps.weight.counts[2, 1]", "blk.0.ffn_up_exps.weight.in_sum[2, 3]",
                          "output.weight.in_sum2[2]", "output.weight.counts[1]"));
}

// A file of another program: keys and tensors of choice.
struct Made {
  formats::Metadata keys;
  std::vector<formats::TensorInfo> infos;
  std::vector<std::string> data;

  Made() {
    keys.set_string("general.type", "imatrix");
    keys.set_strings("imatrix.datasets", {"calibration.txt"});
    keys.set_u32("imatrix.chunk_count", 10);
    keys.set_u32("imatrix.chunk_size", 512);
  }
  Made& tensor(std::string name, const Shape& shape, const std::vector<float>& values) {
    infos.push_back({.name = std::move(name), .codec = CodecId::f32, .shape = shape});
    Bytes bytes;
    for (const float x : values) bytes.put(x);
    data.push_back(bytes.text());
    return *this;
  }
  // "w": two inputs of 5120 tokens.
  Made& usual() {
    return tensor("w.counts", Shape{1, 1}, {5120}).tensor("w.in_sum2", Shape{1, 2}, {100, 25});
  }
  [[nodiscard]] fs::path write() const {
    const fs::path path = testing::fresh_folder() / "made.gguf";
    auto writer = formats::GgufWriter::create(path, keys, infos, "test");
    EXPECT_TRUE(writer);
    for (std::size_t i = 0; i < data.size(); ++i) {
      EXPECT_TRUE((*writer)->write(i, std::as_bytes(std::span(data[i]))));
    }
    EXPECT_TRUE((*writer)->finish());
    return path;
  }
};

TEST(GgufFile, OfLlamaCppIsRead) {
  Made made;
  made.usual();
  made.tensor("e.in_sum2", Shape{2, 3}, {1, 2, 3, 4, 5, 6}).tensor("e.counts", Shape{2, 1}, {7, 5113});
  const auto read = read_statistics(made.write());
  ASSERT_TRUE(read) << format_error(read.error());
  Statistics expected;
  expected.inputs["w"] = {{5120}, {100, 25}, {}};
  expected.inputs["e"] = {{7, 5113}, {1, 2, 3, 4, 5, 6}, {}};
  expected.datasets = {"calibration.txt"};
  expected.windows = 10;
  expected.window = 512;
  are_equal(*read, expected);
}

TEST(GgufFile, SecondMomentsStayInTheFileUntilTheyAreRead) {
  Made made;
  made.usual().tensor("w.in_moment2", Shape{3}, {100, -7, 25});
  made.tensor("e.in_sum2", Shape{2, 1}, {1, 2}).tensor("e.counts", Shape{2, 1}, {7, 5113});
  made.tensor("e.in_moment2", Shape{2, 1}, {1, 2});
  const auto read = read_statistics(made.write());
  ASSERT_TRUE(read) << format_error(read.error());
  ASSERT_NE(read->moments, nullptr);
  EXPECT_THAT(read->moments->entries(),
              ElementsAre(MomentEntry{"w", 2, {5120}}, MomentEntry{"e", 1, {7, 5113}}));
  EXPECT_THAT(*read->moments->read(0, 0), ElementsAre(100, -7, 25));
  EXPECT_THAT(*read->moments->read(1, 1), ElementsAre(2));
  // And back: the same file again.
  const fs::path again = testing::fresh_folder() / "again.gguf";
  ASSERT_TRUE(write_statistics(*read, again));
  const auto second = read_statistics(again);
  ASSERT_TRUE(second) << format_error(second.error());
  are_equal(*second, *read);
  EXPECT_THAT(second->moments->entries(),
              ElementsAre(MomentEntry{"w", 2, {5120}}, MomentEntry{"e", 1, {7, 5113}}));
  EXPECT_THAT(*second->moments->read(0, 0), ElementsAre(100, -7, 25));
  EXPECT_THAT(*second->moments->read(1, 0), ElementsAre(1));
  EXPECT_THAT(*second->moments->read(1, 1), ElementsAre(2));
}

TEST(GgufFile, SecondMomentsOfOtherInputsAreRefused) {
  const auto refused = [](const std::string& name, const Shape& shape, std::size_t numbers) {
    Made made;
    is_refused(made.usual().tensor(name, shape, std::vector<float>(numbers, 1)).write(), "STATISTICS_FILE",
               "'" + name + "'");
  };
  refused("w.in_moment2", Shape{2}, 2);
  refused("w.in_moment2", Shape{4}, 4);
  refused("w.in_moment2", Shape{2, 3}, 6);
  refused("v.in_moment2", Shape{3}, 3);
}

TEST(GgufFile, TheDatFormOfItHasItsMeans) {
  Made made;
  const auto read = read_statistics(made.usual().write());
  ASSERT_TRUE(read);
  const fs::path path = testing::fresh_folder() / "a.dat";
  ASSERT_TRUE(write_statistics(*read, path));
  EXPECT_EQ(testing::content_of(path),
            Dat(1).entry("w", 10, {100.0F / 512, 25.0F / 512}).end(10, "calibration.txt").text());
}

TEST(GgufFile, IsRefusedWhenCutAtAnyByte) {
  const fs::path folder = testing::fresh_folder();
  ASSERT_TRUE(write_statistics(all_parts(), folder / "s.gguf"));
  const std::string whole = testing::content_of(folder / "s.gguf");
  const std::size_t last = whole.size() - 32 + 4;  // one number, and what pads it
  for (std::size_t length = 0; length < last; ++length) {
    const auto read = read_statistics(save(folder / "cut.gguf", whole.substr(0, length)));
    ASSERT_FALSE(read) << length;
    EXPECT_THAT(std::string(read.error().code.name),
                ::testing::AnyOf("STATISTICS_FILE", StartsWith("GGUF_")));
  }
}

TEST(GgufFile, OtherContentIsRefused) {
  using Change = std::function<void(Made&)>;
  const auto refuses = [](std::string_view code, const std::string& says, const Change& change) {
    Made made;
    change(made);
    is_refused(made.write(), code, says);
  };
  refuses("STATISTICS_FILE", "'model'", [](Made& m) { m.usual().keys.set_string("general.type", "model"); });
  refuses("STATISTICS_FILE", "no importance matrix",
          [](Made& m) { m.usual().keys.erase("imatrix.chunk_size"); });
  refuses("STATISTICS_FILE", "no tensors", [](Made& m) { m.tensor("w.counts", Shape{1}, {1}); });
  refuses("STATISTICS_FILE", "'w' has sums and no counts",
          [](Made& m) { m.tensor("w.in_sum2", Shape{2}, {1, 2}); });
  refuses("STATISTICS_FILE", "'w' has 5 sums and 2 counts", [](Made& m) {
    m.tensor("w.in_sum2", Shape{5}, {1, 2, 3, 4, 5}).tensor("w.counts", Shape{2}, {1, 1});
  });
  for (const float x :
       {-1.0F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 2e18F}) {
    refuses("STATISTICS_NONFINITE", "'w'",
            [x](Made& m) { m.tensor("w.in_sum2", Shape{1}, {1}).tensor("w.counts", Shape{1}, {x}); });
  }
  refuses("STATISTICS_FILE", "'w.in_sum2' is not F32", [](Made& m) {
    m.usual().infos[1].codec = CodecId::f16;
    m.data[1].resize(4);
  });
  const auto tokens = [](Made& m, std::vector<std::int64_t> ids, std::uint32_t window) {
    m.usual().keys.set_u32("imatrix.chunk_size", window);
    m.keys.set_ints("mote.calibration.tokens", formats::ValueType::i64, std::move(ids));
  };
  refuses("STATISTICS_FILE", "3 tokens are no whole windows of 2", [&](Made& m) { tokens(m, {1, 2, 3}, 2); });
  refuses("STATISTICS_FILE", "no whole windows of 0", [&](Made& m) { tokens(m, {1, 2, 3}, 0); });
  refuses("STATISTICS_FILE", "token -1", [&](Made& m) { tokens(m, {1, -1}, 2); });
  refuses("STATISTICS_FILE", "token 2147483648", [&](Made& m) { tokens(m, {1, 1LL << 31}, 2); });
  const auto type = [&](const std::string& key) {
    Made made;
    made.usual().keys.set_f32(key, 1);
    EXPECT_EQ(read_statistics(made.write()).error().code.name, "META_TYPE") << key;
  };
  type("general.type");
  type("imatrix.chunk_size");
  type("imatrix.chunk_count");
  type("imatrix.datasets");
  type("mote.calibration.tokens");
}

TEST(GgufFile, SumsOfAnotherSizeAreLeftOut) {
  Made made;
  const auto read = read_statistics(made.usual().tensor("w.in_sum", Shape{3}, {1, 2, 3}).write());
  ASSERT_TRUE(read);
  EXPECT_THAT(read->inputs.at("w").sums, IsEmpty());
  EXPECT_THAT(read->inputs.at("w").squares, ElementsAre(100, 25));
}

// ---------------------------------------------------------------- both

TEST(StatisticsFile, WhatTheFormsCannotSayIsNotWritten) {
  const fs::path folder = testing::fresh_folder();
  const auto refuses = [&](const Statistics& s, const char* name) {
    const auto written = write_statistics(s, folder / name);
    ASSERT_FALSE(written) << name;
    EXPECT_EQ(written.error().code.name, "STATISTICS_FILE");
    EXPECT_TRUE(fs::is_empty(folder));
  };
  Statistics large = all_parts();
  large.inputs["output.weight"].squares[1] = 1e39;  // no float
  refuses(large, "a.gguf");
  large.inputs["output.weight"].squares[1] = 1e39 * 6;
  refuses(large, "a.dat");
  Statistics many = all_parts();
  many.windows = std::uint64_t{1} << 32U;
  refuses(many, "a.gguf");
  Statistics wide = all_parts();
  wide.tokens.clear();
  wide.window = std::size_t{1} << 32U;
  refuses(wide, "a.gguf");
}

TEST(StatisticsFile, AnExistingFileIsReplaced) {
  const fs::path path = save(testing::fresh_folder() / "s.gguf", "something else");
  ASSERT_TRUE(write_statistics(all_parts(), path));
  EXPECT_TRUE(read_statistics(path));
  const auto nowhere = write_statistics(all_parts(), path / "below" / "s.gguf");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code.name, "OUTPUT_CREATE");
}

}  // namespace
}  // namespace mote::calibrate
