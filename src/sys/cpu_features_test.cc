#include "sys/cpu_features.h"

#include <sched.h>

#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace mote::sys {
namespace {

// The kernel's own reading of the processor, as the oracle.
bool proc_flag(const std::string& flag) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("flags", 0) != 0 && line.rfind("Features", 0) != 0) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      if (word == flag) return true;
    }
    return false;
  }
  return false;
}

TEST(CpuFeatures, AgreeWithWhatTheSystemSays) {
  const CpuFeatures f = detect_cpu_features();
#if defined(__x86_64__)
  EXPECT_EQ(f.avx2, proc_flag("avx2") && proc_flag("fma") && proc_flag("f16c"));
  EXPECT_EQ(f.avx_vnni, proc_flag("avx_vnni"));
  EXPECT_EQ(f.avx512,
            proc_flag("avx512f") && proc_flag("avx512bw") && proc_flag("avx512vl") && proc_flag("avx512dq"));
  EXPECT_EQ(f.avx512_vnni, proc_flag("avx512_vnni"));
  EXPECT_FALSE(f.neon);
#elif defined(__aarch64__)
  EXPECT_TRUE(f.neon);
  EXPECT_FALSE(f.avx2);
#endif
  EXPECT_FALSE(f.model_name.empty());
}

TEST(CpuFeatures, HigherSetsIncludeLowerOnes) {
  const CpuFeatures f = detect_cpu_features();
  if (f.avx512_vnni) {
    EXPECT_TRUE(f.avx512);
  }
  if (f.avx512) {
    EXPECT_TRUE(f.avx2);
  }
}

TEST(CpuFeatures, CountCoresOfTheAffinityMaskOnly) {
  const CpuFeatures all = detect_cpu_features();
  EXPECT_GE(all.logical_cores, all.physical_cores);
  EXPECT_GE(all.physical_cores, 1U);
  CpuFeatures one;
  std::thread([&] {  // the mask belongs to the thread
    cpu_set_t mask;
    CPU_ZERO(&mask);
    ASSERT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
    std::size_t first = 0;
    while (!CPU_ISSET(first, &mask)) ++first;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    ASSERT_EQ(sched_setaffinity(0, sizeof mask, &mask), 0);
    one = detect_cpu_features();
  })
      .join();
  EXPECT_EQ(one.logical_cores, 1U);
  EXPECT_EQ(one.physical_cores, 1U);
}

TEST(CpuFeatures, PrintAsWords) {
  CpuFeatures f;
  EXPECT_EQ(f.to_string(), "none");
  f.avx2 = true;
  f.avx512 = true;
  f.avx512_vnni = true;
  EXPECT_EQ(f.to_string(), "avx2 avx512 avx512vnni");
}

}  // namespace
}  // namespace mote::sys
