#include "sys/cpu_features.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <set>
#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace mote::sys {

namespace {

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

#if defined(__x86_64__)

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
  // Bit `i` of each.
  [[nodiscard]] bool bit_b(unsigned i) const { return ((b >> i) & 1U) != 0; }
  [[nodiscard]] bool bit_c(unsigned i) const { return ((c >> i) & 1U) != 0; }
  [[nodiscard]] bool bit_d(unsigned i) const { return ((d >> i) & 1U) != 0; }
  [[nodiscard]] bool bit_a(unsigned i) const { return ((a >> i) & 1U) != 0; }
};

// Zeros where the processor has no such leaf.
Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) == 0) return {};
  return r;
}

// Which register files the operating system saves (XCR0).
std::uint64_t saved_state() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32U) | low;
}

std::string x86_brand() {
  if (cpuid(0x80000000U, 0).a < 0x80000004U) return {};
  char brand[49] = {};
  for (unsigned i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002U + i, 0);
    std::memcpy(brand + 16 * i, &r, 16);
  }
  return trim(brand);
}

// Bit numbers: Intel SDM volume 2, CPUID, leaves 1, 7.0 and 7.1; XCR0 in volume 1, 13.3.
void detect_instructions(CpuFeatures& f) {
  f.model_name = x86_brand();
  const Registers one = cpuid(1, 0);
  const bool os_saves_state = one.bit_c(27);
  if (!os_saves_state) return;
  const std::uint64_t xcr0 = saved_state();
  const auto saved = [&](std::uint64_t mask) { return (xcr0 & mask) == mask; };
  const Registers seven = cpuid(7, 0);
  const Registers seven_one = seven.a >= 1 ? cpuid(7, 1) : Registers{};
  const bool fma = one.bit_c(12);
  const bool f16c = one.bit_c(29);
  const bool avx = one.bit_c(28);
  f.avx2 = saved(0x6) && avx && fma && f16c && seven.bit_b(5);
  f.avx_vnni = f.avx2 && seven_one.bit_a(4);
  f.avx512 =
      f.avx2 && saved(0xE6) && seven.bit_b(16) && seven.bit_b(17) && seven.bit_b(30) && seven.bit_b(31);
  f.avx512_vnni = f.avx512 && seven.bit_c(11);
  f.amx_int8 = saved(0x60000) && seven.bit_d(24) && seven.bit_d(25);
}

#elif defined(__aarch64__)

// Bit numbers: Linux arch/arm64/include/uapi/asm/hwcap.h.
void detect_instructions(CpuFeatures& f) {
  const unsigned long hwcap = getauxval(AT_HWCAP);
  const unsigned long hwcap2 = getauxval(AT_HWCAP2);
  f.neon = ((hwcap >> 1U) & 1U) != 0;      // ASIMD
  f.dotprod = ((hwcap >> 20U) & 1U) != 0;  // ASIMDDP
  f.i8mm = ((hwcap2 >> 13U) & 1U) != 0;    // I8MM
  f.model_name = trim(first_line("/proc/device-tree/model"));
  f.model_name.erase(std::remove(f.model_name.begin(), f.model_name.end(), '\0'), f.model_name.end());
}

#else

void detect_instructions(CpuFeatures&) {}

#endif

// Processors that cgroup version 2 lets this process use; 0 where it sets no limit. Every ancestor may set
// one.
unsigned cgroup_limit() {
  std::ifstream in("/proc/self/cgroup");
  std::string path;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("0::", 0) == 0) path = line.substr(3);
  }
  if (path.empty() || path.front() != '/') return 0;
  unsigned limit = 0;
  for (;;) {
    const std::string max =
        first_line("/sys/fs/cgroup" + path + "/cpu.max");  // "quota period" or "max period"
    const std::size_t space = max.find(' ');
    if (space != std::string::npos && max.rfind("max", 0) != 0) {
      std::uint64_t quota = 0;
      std::uint64_t period = 0;
      std::from_chars(max.data(), max.data() + space, quota);
      std::from_chars(max.data() + space + 1, max.data() + max.size(), period);
      if (quota > 0 && period > 0) {
        const std::uint64_t cpus = std::clamp<std::uint64_t>(quota / period, 1, 1U << 16U);
        limit = limit == 0 ? static_cast<unsigned>(cpus) : std::min(limit, static_cast<unsigned>(cpus));
      }
    }
    if (path.size() <= 1) return limit;
    path.resize(std::max<std::size_t>(path.rfind('/'), 1));
  }
}

void count_cores(CpuFeatures& f) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) {  // more than 1024 processors
    f.logical_cores = static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    f.physical_cores = f.logical_cores;
    return;
  }
  std::set<std::pair<std::string, std::string>>
      cores;  // (package, core): one entry for hardware threads of a core
  unsigned logical = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(static_cast<std::size_t>(cpu), &mask)) continue;
    ++logical;
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    std::string core = first_line(topology + "core_id");
    if (core.empty()) core = "cpu" + std::to_string(cpu);  // no topology there: count each
    cores.emplace(first_line(topology + "physical_package_id"), core);
  }
  f.logical_cores = std::max(1U, logical);
  f.physical_cores = std::max(1U, static_cast<unsigned>(cores.size()));
  if (const unsigned limit = cgroup_limit(); limit != 0) {
    f.logical_cores = std::min(f.logical_cores, limit);
    f.physical_cores = std::min(f.physical_cores, limit);
  }
}

std::string model_name_of_proc() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && line.rfind("model name", 0) == 0) return trim(line.substr(colon + 1));
  }
  return {};
}

}  // namespace

std::string CpuFeatures::to_string() const {
  std::string text;
  const auto add = [&](bool has, const char* name) {
    if (!has) return;
    if (!text.empty()) text += ' ';
    text += name;
  };
  add(avx2, "avx2");
  add(avx_vnni, "avxvnni");
  add(avx512, "avx512");
  add(avx512_vnni, "avx512vnni");
  add(amx_int8, "amx");
  add(neon, "neon");
  add(dotprod, "dotprod");
  add(i8mm, "i8mm");
  return text.empty() ? "none" : text;
}

// Documentation/arch/x86/xstate.rst
bool request_tiles() {
#if defined(__x86_64__)
  constexpr long kRequestPermission = 0x1023;
  constexpr long kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

CpuFeatures detect_cpu_features() {
  CpuFeatures f;
  detect_instructions(f);
  if (f.model_name.empty()) f.model_name = model_name_of_proc();
  if (f.model_name.empty()) f.model_name = "unknown";
  count_cores(f);
  return f;
}

}  // namespace mote::sys
