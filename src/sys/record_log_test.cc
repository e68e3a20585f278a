#include "sys/record_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "testing/environment.h"

namespace mote::sys {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RecordLogTest : public ::testing::Test {
 protected:
  [[nodiscard]] RecordLog open(std::string_view owner = "job") const {
    auto log = RecordLog::open(path_, owner);
    EXPECT_TRUE(log) << format_error(log.error());
    return log ? std::move(*log) : RecordLog();
  }
  static void append(RecordLog& log, std::uint64_t key, std::string_view payload) {
    const auto result = log.append(key, std::as_bytes(std::span(payload)));
    ASSERT_TRUE(result) << format_error(result.error());
  }
  static std::optional<std::string> find(const RecordLog& log, std::uint64_t key) {
    const auto found = log.find(key);
    EXPECT_TRUE(found) << format_error(found.error());
    if (!found || !*found) return std::nullopt;
    return std::string(reinterpret_cast<const char*>((*found)->data()), (*found)->size());
  }

  std::filesystem::path path_ = testing::fresh_folder() / "job.log";
};

TEST_F(RecordLogTest, KeepsRecordsForTheirOwner) {
  {
    RecordLog log = open();
    EXPECT_FALSE(log.continued());
    append(log, 7, "seven");
    append(log, 3, "");
    EXPECT_EQ(find(log, 7), "seven");
  }
  {
    RecordLog log = open();
    EXPECT_TRUE(log.continued());
    EXPECT_THAT(log.keys(), ElementsAre(7, 3));
    append(log, 7, "7");
  }
  const RecordLog log = open();
  EXPECT_THAT(log.keys(), ElementsAre(7, 3, 7));
  EXPECT_EQ(find(log, 7), "7");  // the last one
  EXPECT_EQ(find(log, 3), "");
  EXPECT_EQ(find(log, 4), std::nullopt);
}

TEST_F(RecordLogTest, BeginsAnewForAnotherOwner) {
  for (const std::string_view other : {"jo", "job 2", "joc", ""}) {
    std::filesystem::remove(path_);
    {
      RecordLog log = open();
      append(log, 1, "one");
    }
    const RecordLog log = open(other);
    EXPECT_FALSE(log.continued()) << other;
    EXPECT_THAT(log.keys(), IsEmpty()) << other;
    EXPECT_EQ(find(log, 1), std::nullopt) << other;
  }
}

// The format by its description, put together by hand: XXH64 of nothing is 0xEF46DB3751D8E999.
TEST_F(RecordLogTest, WritesTheBytesOfTheDescription) {
  EXPECT_TRUE(open("").is_open());
  EXPECT_EQ(testing::content_of(path_),
            std::string("mote log 1\n\0\0\0\0\0\0\0\0\x99\xE9\xD8\x51\x37\xDB\x46\xEF", 27));
  RecordLog log = open("");
  append(log, 0x0102, "");
  const std::string record = testing::content_of(path_).substr(27);
  ASSERT_EQ(record.size(), 32U);
  EXPECT_EQ(record.substr(0, 24),
            std::string("\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x99\xE9\xD8\x51\x37\xDB\x46\xEF", 24));
}

TEST_F(RecordLogTest, AFileThatWasCutKeepsItsWholeRecords) {
  std::size_t first = 0;
  {
    RecordLog log = open();
    append(log, 1, "one");
    first = testing::content_of(path_).size();
    append(log, 2, "two and more");
  }
  const std::string whole = testing::content_of(path_);
  const std::size_t prologue = first - 32 - 3;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    testing::save(path_, whole.substr(0, length));
    RecordLog log = open();
    EXPECT_EQ(log.continued(), length >= prologue) << length;
    EXPECT_EQ(log.keys().size(), length >= first ? 1U : 0U) << length;
    append(log, 2, "two and more");
    EXPECT_EQ(find(log, 1), length >= first ? std::optional<std::string>("one") : std::nullopt) << length;
    EXPECT_EQ(find(log, 2), "two and more") << length;
    if (length >= first) {
      EXPECT_EQ(testing::content_of(path_), whole);
    }
  }
}

TEST_F(RecordLogTest, DamageIsNoticed) {
  {
    RecordLog log = open();
    append(log, 1, "one");
    append(log, 2, "two");
  }
  const std::string whole = testing::content_of(path_);
  const std::size_t first = whole.size() - 2 * 35;
  for (std::size_t bit = 0; bit < 8 * whole.size(); bit += 3) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    testing::save(path_, flipped);
    const RecordLog log = open();
    const std::size_t at = bit / 8;
    const bool one = at >= first + 35;
    const bool two = at >= first + 32 && at < first + 35;  // a payload spoils itself alone
    EXPECT_EQ(find(log, 1), one ? std::optional<std::string>("one") : std::nullopt) << bit;
    EXPECT_EQ(find(log, 2), two ? std::optional<std::string>("two") : std::nullopt) << bit;
  }
}

TEST_F(RecordLogTest, OneJobAtATime) {
  auto log = RecordLog::open_locked(path_, "job");
  ASSERT_TRUE(log);
  const auto second = RecordLog::open_locked(path_, "job");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code.name, "JOB_LOCKED");
  append(*log, 1, "one");
  *log = RecordLog();
  const auto third = RecordLog::open_locked(path_, "job");
  ASSERT_TRUE(third);
  EXPECT_EQ(find(*third, 1), "one");
}

TEST_F(RecordLogTest, WithoutANameItLeavesNothing) {
  const std::filesystem::path folder = testing::fresh_folder();
  auto first = RecordLog::create_unnamed(folder);
  auto second = RecordLog::create_unnamed(folder);
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  append(*first, 1, "one");
  append(*second, 1, "two");
  EXPECT_EQ(find(*first, 1), "one");
  EXPECT_EQ(find(*second, 1), "two");
  // One that was killed in between has left its name.
  testing::save(folder / ".mote-spill-0", "x");
  EXPECT_TRUE(RecordLog::create_unnamed(folder));
  first->discard();
  EXPECT_EQ(testing::content_of(folder / ".mote-spill-0"), "x");  // the name is another's by now
  EXPECT_EQ(RecordLog::create_unnamed(folder / "nowhere").error().code.name, "OUTPUT_CREATE");
}

TEST_F(RecordLogTest, DiscardLeavesNothing) {
  RecordLog log = open();
  append(log, 1, "one");
  log.discard();
  EXPECT_FALSE(log.is_open());
  EXPECT_FALSE(std::filesystem::exists(path_));
  RecordLog().discard();
  EXPECT_THAT(open().keys(), IsEmpty());
}

}  // namespace
}  // namespace mote::sys
