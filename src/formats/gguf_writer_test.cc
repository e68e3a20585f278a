#include "formats/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/rng.h"
#include "formats/gguf_layout.h"
#include "formats/gguf_reader.h"
#include "formats/gguf_test_file.h"
#include "testing/environment.h"

namespace mote::formats {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;
using testing::save;
using testing::TestGguf;

Metadata some_metadata() {
  Metadata m;
  m.set_string("general.architecture", "llama");
  m.set_u32("llama.block_count", 1);
  m.set_strings("tokenizer.ggml.tokens", {"<s>", "", "\xC3\xA4"});
  m.set_floats("tokenizer.ggml.scores", ValueType::f32, {0.0, -1.5});
  m.set_ints("small", ValueType::i8, {-128, 127});
  m.set_bool("flag", true);
  return m;
}

std::vector<TensorInfo> some_tensors() {
  return {{"a.weight", CodecId::f32, {2, 4}, 0},
          {"b.weight", CodecId::q4_0, {3, 32}, 0},  // 54 bytes: padding needed
          {"c.weight", CodecId::f16, {5}, 0},
          {"d.weight", CodecId::bf16, {}, 0}};
}

// Bytes of tensor `index`, the same in every run.
std::vector<std::byte> data_of(std::size_t index, std::uint64_t bytes) {
  Rng rng(index + 1);
  std::vector<std::byte> out(bytes);
  for (std::byte& b : out) b = static_cast<std::byte>(rng.next_below(256));
  return out;
}

class GgufWriterTest : public ::testing::Test {
 protected:
  std::unique_ptr<GgufWriter> create(std::string_view fingerprint = "job 1") {
    auto writer = GgufWriter::create(path_, metadata_, tensors_, fingerprint);
    EXPECT_TRUE(writer) << format_error(writer.error());
    return writer ? std::move(*writer) : nullptr;
  }
  void write(GgufWriter& writer, std::size_t index) {
    const auto layout = layout_gguf(metadata_, tensors_);
    ASSERT_TRUE(layout);
    const auto result = writer.write(index, data_of(index, layout->bytes[index]));
    ASSERT_TRUE(result) << format_error(result.error());
  }
  // A clean run in another folder: what every interrupted one must end with.
  std::string reference() {
    const auto keep = path_;
    path_ = mote::testing::fresh_folder() / "reference.gguf";
    auto writer = create();
    for (std::size_t i = 0; i < tensors_.size(); ++i) write(*writer, i);
    EXPECT_TRUE(writer->finish());
    const std::string content = mote::testing::content_of(path_);
    path_ = keep;
    return content;
  }
  [[nodiscard]] std::filesystem::path part() const { return path_.string() + ".part"; }
  [[nodiscard]] std::filesystem::path journal() const { return path_.string() + ".part.journal"; }

  std::filesystem::path path_ = mote::testing::fresh_folder() / "out.gguf";
  Metadata metadata_ = some_metadata();
  std::vector<TensorInfo> tensors_ = some_tensors();
};

// The bytes by the format's description, put together by hand.
TEST_F(GgufWriterTest, WritesTheBytesThatTheFormatAsksFor) {
  Metadata m;
  m.set_string("k", "v");
  m.set_ints("n", ValueType::u16, {1, 2});
  const std::vector<TensorInfo> tensors = {{"a", CodecId::f32, {2, 3}, 0}, {"b", CodecId::q4_0, {32}, 0}};
  TestGguf expected;
  expected.entry("k", 8, Bytes().string("v"));
  expected.entry("n", 9, Bytes().u32(2).u64(2).put(std::uint16_t{1}).put(std::uint16_t{2}));
  expected.tensor({"a", {3, 2}, 0, 0}).tensor({"b", {32}, 2, 32});
  expected.data = std::string(24, 'A') + std::string(8, '\0') + std::string(18, 'B') + std::string(14, '\0');
  auto writer = GgufWriter::create(path_, m, tensors, "");
  ASSERT_TRUE(writer);
  EXPECT_EQ((*writer)->file_bytes(), expected.text().size());
  ASSERT_TRUE((*writer)->write(1, std::vector<std::byte>(18, std::byte{'B'})));
  ASSERT_TRUE((*writer)->write(0, std::vector<std::byte>(24, std::byte{'A'})));
  ASSERT_TRUE((*writer)->finish());
  EXPECT_EQ(mote::testing::content_of(path_), expected.text());
}

// A tensor of three pieces and some bytes, between small ones.
TEST_F(GgufWriterTest, WorkersWriteTheSameFile) {
  tensors_[2].shape = {3 * 2048, 1025};
  const std::string expected = reference();
  ASSERT_EQ(expected.find("<unreadable>"), std::string::npos);
  const auto layout = layout_gguf(metadata_, tensors_);
  ASSERT_TRUE(layout);
  ASSERT_GT(layout->bytes[2], 12U << 20);
  sys::ThreadPool pool(3);
  auto writer = create();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    ASSERT_TRUE(writer->write(i, data_of(i, layout->bytes[i]), &pool));
  }
  ASSERT_TRUE(writer->finish());
  EXPECT_TRUE(mote::testing::content_of(path_) == expected);  // not EXPECT_EQ: it would print both
}

TEST_F(GgufWriterTest, WritesWhatTheReaderReads) {
  save(path_, reference());
  const auto file = GgufFile::open(path_);
  ASSERT_TRUE(file) << format_error(file.error());
  ASSERT_EQ((*file)->tensors().size(), tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const TensorInfo& info = (*file)->tensors()[i];
    EXPECT_EQ(info.name, tensors_[i].name);
    EXPECT_EQ(info.codec, tensors_[i].codec);
    EXPECT_EQ(info.shape, tensors_[i].shape);
    const auto tensor = (*file)->read(i);
    ASSERT_TRUE(tensor);
    const auto expected = data_of(i, info.bytes);
    EXPECT_TRUE(
        std::equal(expected.begin(), expected.end(), tensor->blocks().begin(), tensor->blocks().end()));
  }
  EXPECT_EQ((*file)->metadata().entries().size(), metadata_.entries().size());
}

TEST_F(GgufWriterTest, WritesAVocabularyWithoutTensors) {
  tensors_.clear();
  auto writer = create();
  ASSERT_TRUE(writer->finish());
  const auto file = GgufFile::open(path_);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->metadata().get_string("general.architecture").value_or(""), "llama");
}

TEST_F(GgufWriterTest, ShowsNothingUnderTheFinalNameBeforeFinish) {
  auto writer = create();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    write(*writer, i);
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
  ASSERT_TRUE(writer->finish());
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_FALSE(std::filesystem::exists(part()));
  EXPECT_FALSE(std::filesystem::exists(journal()));
}

TEST_F(GgufWriterTest, ResumesAfterEveryStepWithTheSameBytes) {
  const std::string expected = reference();
  for (std::size_t steps = 0; steps <= tensors_.size(); ++steps) {
    {
      auto writer = create();
      for (std::size_t i = 0; i < steps; ++i) write(*writer, i);
      // Destroyed without finish: what a kill leaves behind.
    }
    EXPECT_FALSE(std::filesystem::exists(path_));
    auto writer = create();
    EXPECT_EQ(writer->done_count(), steps);
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      EXPECT_EQ(writer->done(i), i < steps);
      std::vector<std::byte> back(layout_gguf(metadata_, tensors_)->bytes[i]);
      EXPECT_EQ(writer->read(i, back).has_value(), i < steps);
      EXPECT_EQ(back == data_of(i, back.size()), i < steps);
      if (!writer->done(i)) write(*writer, i);
    }
    ASSERT_TRUE(writer->finish());
    EXPECT_EQ(mote::testing::content_of(path_), expected) << steps;
    std::filesystem::remove(path_);
  }
}

// A real SIGKILL between any two system calls' effects: the child writes in a loop and is shot at random
// times.
TEST_F(GgufWriterTest, SurvivesKillsAtRandomMoments) {
  tensors_.clear();
  for (int i = 0; i < 20; ++i) tensors_.push_back({"t" + std::to_string(i), CodecId::f32, {64, 256}, 0});
  const std::string expected = reference();
  Rng rng(7);
  int killed = 0;
  std::size_t resumed = 0;
  for (int round = 0; round < 400 && killed < 50; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto writer = GgufWriter::create(path_, metadata_, tensors_, "job 1");
      if (!writer) ::_exit(3);
      for (std::size_t i = 0; i < tensors_.size(); ++i) {
        if (!(*writer)->done(i) && !(*writer)->write(i, data_of(i, 64 * 256 * 4))) ::_exit(4);
      }
      ::_exit((*writer)->finish() ? 0 : 5);
    }
    ::usleep(static_cast<useconds_t>(rng.next_below(6000)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
      ++killed;
    } else {
      ASSERT_EQ(WEXITSTATUS(status), 0);
    }
    if (std::filesystem::exists(path_)) {
      ASSERT_EQ(mote::testing::content_of(path_), expected) << "round " << round;
      std::filesystem::remove(path_);
    } else if (std::filesystem::exists(part())) {
      const auto writer = GgufWriter::create(path_, metadata_, tensors_, "job 1");
      ASSERT_TRUE(writer) << format_error(writer.error());
      resumed += (*writer)->done_count();
    }
  }
  EXPECT_GE(killed, 20);
  EXPECT_GT(resumed, 0U);
  auto writer = create();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!writer->done(i)) write(*writer, i);
  }
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(mote::testing::content_of(path_), expected);
}

TEST_F(GgufWriterTest, StartsFreshForAnotherJob) {
  const auto half = [this](std::string_view fingerprint) {
    auto writer = create(fingerprint);
    write(*writer, 0);
    write(*writer, 1);
  };
  half("job 1");
  EXPECT_EQ(create("job 2")->done_count(), 0U);
  half("job 1");
  EXPECT_EQ(create("job 10")->done_count(), 0U);
  half("job 1");
  metadata_.set_u32("llama.block_count", 2);
  EXPECT_EQ(create()->done_count(), 0U);
  half("job 1");
  tensors_.pop_back();
  EXPECT_EQ(create()->done_count(), 0U);
}

TEST_F(GgufWriterTest, AFreshJobLeavesNothingOfThePartFileBefore) {
  const std::string expected = reference();
  save(part(), std::string(100000, 'x'));
  save(journal(), "mote log 1\nfile 7 header 9\n");
  auto writer = create();
  EXPECT_EQ(writer->done_count(), 0U);
  for (std::size_t i = tensors_.size(); i-- > 0;) write(*writer, i);
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(mote::testing::content_of(path_), expected);
}

TEST_F(GgufWriterTest, RepeatsATensorWhoseBytesWereLost) {
  const std::string expected = reference();
  {
    auto writer = create();
    for (std::size_t i = 0; i < 3; ++i) write(*writer, i);
  }
  // A page that never reached the disk reads as zeros.
  std::string damaged = mote::testing::content_of(part());
  const auto layout = layout_gguf(metadata_, tensors_);
  ASSERT_TRUE(layout);
  damaged[layout->offsets[1] + 5] = static_cast<char>(damaged[layout->offsets[1] + 5] ^ 1);
  damaged[layout->offsets[1] + layout->bytes[1]] = 'p';  // padding
  save(part(), damaged);
  auto writer = create();
  EXPECT_TRUE(writer->done(0));
  EXPECT_FALSE(writer->done(1));
  EXPECT_TRUE(writer->done(2));
  write(*writer, 1);
  write(*writer, 3);
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(mote::testing::content_of(path_), expected);
}

TEST_F(GgufWriterTest, TrustsNoJournalRecordThatIsCutOrDamaged) {
  constexpr std::size_t kRecord = 32 + 16;  // header, length and checksum
  {
    auto writer = create();
    for (std::size_t i = 0; i < 3; ++i) write(*writer, i);
  }
  const std::string whole = mote::testing::content_of(journal());
  const std::string part_content = mote::testing::content_of(part());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    save(journal(), whole.substr(0, length));
    save(part(), part_content);
    const std::size_t records =
        length + 3 * kRecord >= whole.size() ? (length + 3 * kRecord - whole.size()) / kRecord : 0;
    ASSERT_EQ(create()->done_count(), records) << length;
  }
  // One bit of every byte, another one from byte to byte.
  const std::size_t first = whole.size() - 3 * kRecord;
  for (std::size_t bit = 8 * first; bit < 8 * whole.size(); bit += 9) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    save(journal(), flipped);
    save(part(), part_content);
    // A header ends the journal, what it announces spoils itself alone.
    const std::size_t at = bit / 8 - first;
    ASSERT_EQ(create()->done_count(), at % kRecord < 32 ? at / kRecord : 2) << bit;
  }
}

TEST_F(GgufWriterTest, SurvivesAPartFileThatWasCutOrRemoved) {
  const std::string expected = reference();
  for (const bool remove : {true, false}) {
    {
      auto writer = create();
      for (std::size_t i = 0; i < 3; ++i) write(*writer, i);
    }
    if (remove) {
      std::filesystem::remove(part());
    } else {
      std::filesystem::resize_file(part(), 100);
    }
    auto writer = create();
    EXPECT_EQ(writer->done_count(), 0U);
    for (std::size_t i = 0; i < tensors_.size(); ++i) write(*writer, i);
    ASSERT_TRUE(writer->finish());
    EXPECT_EQ(mote::testing::content_of(path_), expected);
  }
}

TEST_F(GgufWriterTest, RefusesASecondJobOnTheSameOutput) {
  auto first = create();
  const auto second = GgufWriter::create(path_, metadata_, tensors_, "job 1");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code.name, "JOB_LOCKED");
  write(*first, 0);
  first.reset();
  EXPECT_EQ(create()->done_count(), 1U);
}

TEST_F(GgufWriterTest, FinishNeedsEveryTensor) {
  auto writer = create();
  write(*writer, 0);
  const auto result = writer->finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code.name, "GGUF_INCOMPLETE");
  EXPECT_THAT(result.error().message, HasSubstr("1 of 4"));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(GgufWriterTest, WriteNeedsTheLengthThatWasPlanned) {
  auto writer = create();
  EXPECT_EQ(writer->write(0, std::vector<std::byte>(31)).error().code.name, "TENSOR_BYTES");
  EXPECT_EQ(writer->write(99, std::vector<std::byte>(31)).error().code.name, "TENSOR_BYTES");
  write(*writer, 0);
  std::vector<std::byte> back(31);
  EXPECT_EQ(writer->read(0, back).error().code.name, "TENSOR_BYTES");
  EXPECT_EQ(writer->read(99, back).error().code.name, "TENSOR_BYTES");
}

TEST_F(GgufWriterTest, DiscardRemovesWhatThereWasToResume) {
  auto writer = create();
  write(*writer, 0);
  writer->discard();
  EXPECT_FALSE(std::filesystem::exists(part()));
  EXPECT_FALSE(std::filesystem::exists(journal()));
}

TEST_F(GgufWriterTest, ReplacesAnOlderOutputOnlyWhenFinished) {
  save(path_, "old model");
  auto writer = create();
  for (std::size_t i = 0; i < tensors_.size(); ++i) write(*writer, i);
  EXPECT_EQ(mote::testing::content_of(path_), "old model");
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(mote::testing::content_of(path_), reference());
}

TEST_F(GgufWriterTest, NamesAnOutputThatCannotBe) {
  EXPECT_EQ(GgufWriter::create(path_.parent_path(), metadata_, tensors_, "").error().code.name,
            "OUTPUT_CREATE");
  EXPECT_EQ(GgufWriter::create(path_.parent_path() / "absent" / "x.gguf", metadata_, tensors_, "")
                .error()
                .code.name,
            "OUTPUT_CREATE");
}

TEST(GgufLayout, RefusesWhatNoReaderWouldTake) {
  const auto code = [](const Metadata& m, const std::vector<TensorInfo>& tensors) -> std::string {
    const auto layout = layout_gguf(m, tensors);
    if (layout) return "ok";
    EXPECT_EQ(layout.error().code.kind, ErrorKind::invalid_argument);
    return std::string(layout.error().code.name);
  };
  const Metadata none;
  EXPECT_EQ(code(none, {{"t", CodecId::q4_0, {31}, 0}}), "GGUF_BLOCK");
  EXPECT_EQ(code(none, {{"t", CodecId::f32, {4, 0}, 0}}), "GGUF_DIMS");
  EXPECT_EQ(code(none, {{"t", CodecId::f32, {std::uint64_t{1} << 62}, 0}}), "GGUF_SHAPE_OVERFLOW");
  EXPECT_EQ(code(none, {{"a", CodecId::f32, {std::uint64_t{1} << 61}, 0},
                        {"b", CodecId::f32, {std::uint64_t{1} << 61}, 0}}),
            "GGUF_SHAPE_OVERFLOW");
  EXPECT_EQ(code(none, {{"t", CodecId::f32, {4}, 0}, {"t", CodecId::f32, {4}, 0}}), "GGUF_TENSOR_NAME");
  EXPECT_EQ(code(none, {{std::string(64, 'n'), CodecId::f32, {4}, 0}}), "GGUF_TENSOR_NAME");
  Metadata bad;
  bad.set_u32("", 1);
  EXPECT_EQ(code(bad, {}), "GGUF_KEY");
  bad = Metadata();
  bad.set_u32("general.alignment", 48);
  EXPECT_EQ(code(bad, {}), "GGUF_ALIGNMENT");
  bad = Metadata();
  bad.set("narrow", {ValueType::u8, std::uint64_t{256}, {}});
  EXPECT_EQ(code(bad, {}), "GGUF_TYPE");
  bad = Metadata();
  bad.set_ints("narrow", ValueType::i8, {128});
  EXPECT_EQ(code(bad, {}), "GGUF_TYPE");
  bad = Metadata();
  bad.set("mixed", {ValueType::array, std::vector<MetaValue>{{ValueType::u8, std::uint64_t{1}, {}}},
                    ValueType::string});
  EXPECT_EQ(code(bad, {}), "GGUF_TYPE");
  bad = Metadata();
  bad.set("text", {ValueType::u32, std::string("7"), {}});
  EXPECT_EQ(code(bad, {}), "GGUF_TYPE");
}

TEST(GgufLayout, HonoursTheAlignment) {
  Metadata m;
  m.set_u32("general.alignment", 128);
  const auto layout =
      layout_gguf(m, std::vector<TensorInfo>{{"a", CodecId::f32, {1}, 0}, {"b", CodecId::f32, {1}, 0}});
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->header.size() % 128, 0U);
  EXPECT_EQ(layout->offsets[1] - layout->offsets[0], 128U);
  EXPECT_EQ(layout->file_bytes, layout->header.size() + 256);
}

}  // namespace
}  // namespace mote::formats
