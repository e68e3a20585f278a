#include "quantize/job_log.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <vector>

#include "testing/environment.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;

class JobLogTest : public ::testing::Test {
 protected:
  [[nodiscard]] JobLog open(std::string_view owner = "job") const {
    auto log = JobLog::open(output_, owner);
    EXPECT_TRUE(log) << format_error(log.error());
    return log ? std::move(*log) : JobLog();
  }
  [[nodiscard]] fs::path file() const { return output_.string() + ".part.work"; }

  fs::path output_ = mote::testing::fresh_folder() / "out.gguf";
  std::array<double, 2> numbers_{0.25, -3.0};
  std::array<std::byte, 3> bytes_{std::byte{7}, std::byte{0}, std::byte{9}};
};

TEST_F(JobLogTest, ASecondRunFindsWhatTheFirstOneFound) {
  {
    JobLog log = open();
    ASSERT_TRUE(log.put(Finding::blocks, 5, numbers_, bytes_));
    ASSERT_TRUE(log.put(Finding::type_errors, 5, numbers_));
  }
  const JobLog log = open();
  const auto blocks = log.find(Finding::blocks, 5);
  ASSERT_TRUE(blocks && *blocks);
  EXPECT_EQ((*blocks)->numbers, std::vector<double>(numbers_.begin(), numbers_.end()));
  EXPECT_EQ((*blocks)->bytes, std::vector<std::byte>(bytes_.begin(), bytes_.end()));
  const auto errors = log.find_numbers(Finding::type_errors, 5, 2);
  ASSERT_TRUE(errors && *errors);
  EXPECT_EQ(**errors, std::vector<double>(numbers_.begin(), numbers_.end()));
  EXPECT_FALSE(*log.find(Finding::blocks, 4));
  EXPECT_FALSE(*log.find(Finding::round, 5));
  EXPECT_FALSE(*log.find_numbers(Finding::type_errors, 5, 3));
  EXPECT_FALSE(*log.find_numbers(Finding::blocks, 5, 2));  // has bytes too
}

TEST_F(JobLogTest, AnotherJobFindsNothing) {
  ASSERT_TRUE(open().put(Finding::round, 1, numbers_));
  EXPECT_TRUE(*open().find(Finding::round, 1));
  EXPECT_FALSE(*open("job 2").find(Finding::round, 1));
}

TEST_F(JobLogTest, OnlyFindingsLeaveAFile) {
  EXPECT_FALSE(*open().find(Finding::round, 1));
  EXPECT_FALSE(fs::exists(file()));
  ASSERT_TRUE(open().put(Finding::round, 1, numbers_));
  EXPECT_TRUE(fs::exists(file()));
  open().discard();
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(JobLogTest, AnAbandonedLogIsRemovedAndNoOther) {
  JobLog::remove_abandoned(output_);
  ASSERT_TRUE(open().put(Finding::round, 1, numbers_));
  {
    const JobLog at_work = open();
    JobLog::remove_abandoned(output_);
    EXPECT_TRUE(fs::exists(file()));
  }
  JobLog::remove_abandoned(output_);
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(JobLogTest, OneJobAtATime) {
  const JobLog first = open();
  const auto second = JobLog::open(output_, "job");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code.name, "JOB_LOCKED");
}

TEST_F(JobLogTest, WithoutAFileItKeepsNothing) {
  JobLog log;
  EXPECT_TRUE(log.put(Finding::round, 1, numbers_));
  EXPECT_FALSE(*log.find(Finding::round, 1));
}

}  // namespace
}  // namespace mote::quantize
