#include "engine/runtime.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

#include "kernels/select.h"

namespace mote::engine {
namespace {

// What Linux would give without swapping; nothing where it does not say.
std::optional<std::uint64_t> system_available_bytes() {
  std::ifstream in("/proc/meminfo");
  std::string key;
  while (in >> key) {
    std::uint64_t kilobytes = 0;
    if (key == "MemAvailable:" && in >> kilobytes) return kilobytes * 1024;
    in.ignore(1 << 10, '\n');
  }
  return std::nullopt;
}

// What the control group (a container's limit) leaves; nothing where there is no limit.
std::optional<std::uint64_t> group_available_bytes() {
  std::ifstream limit_file("/sys/fs/cgroup/memory.max");
  std::ifstream used_file("/sys/fs/cgroup/memory.current");
  std::uint64_t limit = 0;
  std::uint64_t used = 0;
  if (!(limit_file >> limit) || !(used_file >> used)) return std::nullopt;  // "max" is no number
  return limit > used ? limit - used : 0;
}

}  // namespace

Runtime::Runtime(RuntimeOptions options, sys::CpuFeatures features,
                 std::unique_ptr<const kernels::KernelTable> table, kernels::Isa isa)
    : options_(std::move(options)),
      features_(std::move(features)),
      kernels_(std::move(table)),
      isa_(isa),
      pool_(options_.threads) {}

Runtime::~Runtime() = default;

Result<std::unique_ptr<Runtime>> Runtime::create(RuntimeOptions options) {
  sys::CpuFeatures features = sys::detect_cpu_features();
  const kernels::Isa isa = options.isa.value_or(kernels::best_isa(features));
  MOTE_ASSIGN(const kernels::KernelTable table, kernels::select_kernels(features, isa));
  auto owned = std::make_unique<const kernels::KernelTable>(table);
  return std::unique_ptr<Runtime>(
      new Runtime(std::move(options), std::move(features), std::move(owned), isa));
}

std::uint64_t Runtime::memory_available_bytes() const {
  if (options_.memory_limit_bytes != 0) return options_.memory_limit_bytes;
  const std::uint64_t system = system_available_bytes().value_or(UINT64_MAX);
  return std::min(system, group_available_bytes().value_or(UINT64_MAX));
}

}  // namespace mote::engine
