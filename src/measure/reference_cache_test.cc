#include "measure/reference_cache.h"

#include <gtest/gtest.h>

#include <fstream>

#include "measure/compare.h"
#include "measure/fake_model.h"
#include "sys/mapped_file.h"
#include "testing/environment.h"

namespace mote::measure {
namespace {

constexpr std::size_t kVocabulary = 40;

WindowPlan small_plan(std::int32_t last_token = 7) {
  std::vector<std::int32_t> text(100);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::int32_t>(i * 7 % kVocabulary);
  text[95] = last_token;
  return *plan_windows(text, Protocol::llama, 32, 0, 0);
}

Divergence run(LogitModel& reference, const WindowPlan& plan) {
  FakeModel model(kVocabulary, 1, 0.4, 9);
  sys::ThreadPool pool(1);
  LogitModel* models[] = {&model};
  auto result = compare(reference, models, plan, pool, {});
  EXPECT_TRUE(result) << result.error().message;
  return result ? result->models[0] : Divergence{};
}

std::filesystem::path write_cache(const WindowPlan& plan, CacheType type) {
  const auto path = testing::fresh_folder() / "reference.logits";
  FakeModel reference(kVocabulary, 1, 0, 0);
  auto writer = open_cache_writer(path, reference, plan, type);
  EXPECT_TRUE(writer);
  run(**writer, plan);
  EXPECT_TRUE((*writer)->finish());
  return path;
}

TEST(ReferenceCache, FloatRowsGiveTheFiguresOfTheReferenceItself) {
  const WindowPlan plan = small_plan();
  FakeModel reference(kVocabulary, 1, 0, 0);
  const Divergence direct = run(reference, plan);
  auto cached = open_cache_reader(write_cache(plan, CacheType::f32), plan);
  ASSERT_TRUE(cached) << cached.error().message;
  const Divergence read = run(**cached, plan);
  // Storing logit - max rounds once per logit: relative 2^-24 of at most about 20.
  EXPECT_NEAR(read.kld_mean, direct.kld_mean, 1e-6);
  EXPECT_EQ(read.top1_agreement, direct.top1_agreement);
  EXPECT_EQ(read.flips, direct.flips);
}

TEST(ReferenceCache, HalfRowsTakeHalfTheSpaceAndStayClose) {
  const WindowPlan plan = small_plan();
  FakeModel reference(kVocabulary, 1, 0, 0);
  const auto path = write_cache(plan, CacheType::f16);
  EXPECT_EQ(std::filesystem::file_size(path), 56 + plan.scored() * kVocabulary * 2);
  auto cached = open_cache_reader(path, plan);
  ASSERT_TRUE(cached);
  const double direct = run(reference, plan).kld_mean;
  EXPECT_NEAR(run(**cached, plan).kld_mean, direct, 1e-3 * direct);
}

TEST(ReferenceCache, RefusesAnotherText) {
  const auto path = write_cache(small_plan(), CacheType::f32);
  const auto cached = open_cache_reader(path, small_plan(8));
  ASSERT_FALSE(cached);
  EXPECT_EQ(cached.error().code.name, "CACHE_MISMATCH");
}

TEST(ReferenceCache, RefusesEveryTruncation) {
  const WindowPlan plan = small_plan();
  const auto path = write_cache(plan, CacheType::f16);
  const auto size = std::filesystem::file_size(path);
  for (std::uintmax_t length = 0; length < size; ++length) {
    std::filesystem::resize_file(path, size - 1 - length);
    const auto cached = open_cache_reader(path, plan);
    ASSERT_FALSE(cached) << size - 1 - length;
    ASSERT_EQ(cached.error().code.name, "CACHE_CORRUPT");
  }
}

TEST(ReferenceCache, NoticesAFlippedBitAnywhere) {
  const WindowPlan plan = small_plan();
  const auto path = write_cache(plan, CacheType::f16);
  const std::string good = *sys::read_text_file(path, 1U << 20);
  for (std::size_t at = 0; at < good.size(); at += at < 56 ? 1 : 97) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    std::ofstream(path, std::ios::binary).write(bad.data(), static_cast<std::streamsize>(bad.size()));
    EXPECT_FALSE(open_cache_reader(path, plan)) << at;
  }
}

TEST(ReferenceCache, LeavesNothingBehindWhenItIsNotFinished) {
  const auto folder = testing::fresh_folder();
  {
    FakeModel reference(kVocabulary, 1, 0, 0);
    auto writer = open_cache_writer(folder / "c", reference, small_plan(), CacheType::f32);
    ASSERT_TRUE(writer);
    EXPECT_FALSE((*writer)->finish());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

}  // namespace
}  // namespace mote::measure
