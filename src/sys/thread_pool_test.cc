#include "sys/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/environment.h"

namespace mote::sys {
namespace {

TEST(ThreadPool, HasTheSizeThatWasAskedFor) {
  for (const unsigned threads : {1U, 2U, 3U, 5U}) EXPECT_EQ(ThreadPool(threads).size(), threads);
  EXPECT_GE(ThreadPool(0).size(), 1U);
}

TEST(ThreadPool, EveryWorkerRunsOncePerRegionAndAllAreDoneAfterIt) {
  for (const unsigned threads : {1U, 2U, 4U}) {
    ThreadPool pool(threads);
    std::vector<int> plain_counts(threads, 0);  // not atomic: the barrier must order the accesses
    for (int region = 0; region < 300; ++region) {
      pool.run([&](unsigned worker, unsigned workers) {
        EXPECT_EQ(workers, threads);
        ++plain_counts[worker];
      });
      for (const int count : plain_counts) ASSERT_EQ(count, region + 1);
    }
  }
}

TEST(ThreadPool, RegionsHaveTheWidthThatWasSet) {
  constexpr unsigned kThreads = 4;
  ThreadPool pool(kThreads);
  std::vector<int> calls(kThreads, 0);  // not atomic: the barrier must order the accesses
  std::vector<int> expected(kThreads, 0);
  std::uint64_t state = 1;
  for (int region = 0; region < 5000; ++region) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const unsigned width = 1 + static_cast<unsigned>(state >> 62U);
    pool.set_width(width);
    // Runs of regions of one width too, and pauses in which everybody falls asleep.
    for (unsigned i = 0; i <= static_cast<unsigned>(state >> 40U) % 4; ++i) {
      pool.run([&](unsigned worker, unsigned workers) {
        EXPECT_EQ(workers, width);
        ++calls[worker];
      });
      for (unsigned w = 0; w < width; ++w) ++expected[w];
    }
    ASSERT_EQ(calls, expected) << region;
    if (region % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(pool.size(), kThreads);
}

TEST(ThreadPool, WidthsAreClampedAndGivenBack) {
  ThreadPool pool(3);
  EXPECT_EQ(pool.width(), 3U);
  pool.set_width(0);
  EXPECT_EQ(pool.width(), 1U);
  pool.set_width(9);
  EXPECT_EQ(pool.width(), 3U);
  {
    const WidthOf narrow(pool, 2);
    EXPECT_EQ(pool.width(), 2U);
    std::vector<std::thread::id> seen(100);
    pool.parallel_for(seen.size(), 1,
                      [&](std::size_t begin, std::size_t) { seen[begin] = std::this_thread::get_id(); });
    EXPECT_EQ(std::count(seen.begin(), seen.end(), std::thread::id()), 0);
    EXPECT_LE(std::set<std::thread::id>(seen.begin(), seen.end()).size(), 2U);
  }
  EXPECT_EQ(pool.width(), 3U);
}

TEST(ThreadPool, WorkersThatSleepAtOnceOrStayAwakeRunEveryRegion) {
  for (const auto spin : {std::chrono::microseconds(0), std::chrono::microseconds(5000)}) {
    ThreadPool pool(3, spin);
    std::vector<int> counts(3, 0);  // not atomic: the barrier must order the accesses
    for (int region = 0; region < 200; ++region) {
      pool.run([&](unsigned worker, unsigned) { ++counts[worker]; });
      for (const int count : counts) ASSERT_EQ(count, region + 1);
    }
  }
}

TEST(ThreadPool, WakesWorkersThatHaveGoneToSleep) {
  ThreadPool pool(3);
  std::atomic<int> calls{0};
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // far beyond the spin
    pool.run([&](unsigned, unsigned) { calls.fetch_add(1); });
  }
  EXPECT_EQ(calls.load(), 9);
}

// Regions that begin at the very moment at which a worker goes to sleep. While the store of a region could
// pass the look for sleepers, the program hung within ten million of them; the time limit of the test shows
// it.
TEST(ThreadPool, NobodySleepsThroughARegion) {
  constexpr long kRegions = testing::kSanitized ? 50'000 : 4'000'000;  // sanitizers take thirty times as long
  for (const int spin : {0, 1, 2}) {
    ThreadPool pool(2, std::chrono::microseconds(spin));
    Rng rng(static_cast<std::uint64_t>(spin));
    std::atomic<long> calls{0};
    for (long i = 0; i < kRegions; ++i) {
      pool.run([&](unsigned, unsigned) { calls.fetch_add(1, std::memory_order_relaxed); });
      std::uint64_t pause = rng.next_u64() & 1023U;
      while (pause-- > 0) std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    EXPECT_EQ(calls.load(), 2 * kRegions) << spin;
  }
}

TEST(ThreadPool, WaitsForAWorkerThatTakesMuchLongerThanTheCaller) {
  ThreadPool pool(2);
  bool slow_is_done = false;
  pool.run([&](unsigned worker, unsigned) {
    if (worker == 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    slow_is_done = true;
  });
  EXPECT_TRUE(slow_is_done);
}

TEST(ThreadPool, ParallelForCoversEachItemExactlyOnce) {
  for (const unsigned threads : {1U, 2U, 3U}) {
    ThreadPool pool(threads);
    for (const std::size_t count : {0UL, 1UL, 7UL, 64UL, 1000UL}) {
      for (const std::size_t chunk : {0UL, 1UL, 3UL, 64UL, 5000UL}) {
        std::vector<int> hits(count, 0);
        pool.parallel_for(count, chunk, [&](std::size_t begin, std::size_t end) {
          ASSERT_LE(end, count);
          for (std::size_t i = begin; i < end; ++i) ++hits[i];
        });
        EXPECT_EQ(std::accumulate(hits.begin(), hits.end(), std::size_t{0}), count);
        for (const int hit : hits) ASSERT_EQ(hit, 1) << count << " items in chunks of " << chunk;
      }
    }
  }
}

TEST(ThreadPool, SeveralPoolsLiveAndDieIndependently) {
  for (int i = 0; i < 20; ++i) {
    ThreadPool a(2);
    ThreadPool b(3);
    std::atomic<int> calls{0};
    a.run([&](unsigned, unsigned) { ++calls; });
    b.run([&](unsigned, unsigned) { ++calls; });
    EXPECT_EQ(calls.load(), 5);
  }
}

}  // namespace
}  // namespace mote::sys
