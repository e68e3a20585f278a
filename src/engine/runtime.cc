#include "engine/runtime.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "kernels/select.h"
#include "kernels/self_test.h"

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

struct Widths {
  unsigned generation;
  unsigned prompt;
};

Widths widths_of(const RuntimeOptions& options, unsigned cores) {
  Widths out{options.threads, options.prompt_threads};
  if (out.prompt == 0) out.prompt = options.threads == 0 ? cores : options.threads;
  // Prompts still have all of them: what they compute has to be computed, the sooner the sooner all rest.
  if (out.generation == 0) out.generation = options.power == Power::save ? (cores + 1) / 2 : cores;
  return out;
}

// Sampling, detokenizing and printing a token take less than a millisecond.
constexpr std::chrono::milliseconds kSpinBetweenSteps{2};

std::chrono::microseconds spin_of(Power power) {
  switch (power) {
    case Power::save:
      return std::chrono::microseconds(0);
    case Power::balanced:
      return sys::kUsualSpin;
    case Power::max:
      return kSpinBetweenSteps;
  }
  return sys::kUsualSpin;
}

}  // namespace

std::string_view to_string(Power power) {
  return power == Power::save ? "save" : power == Power::max ? "max" : "balanced";
}

std::span<const Power> all_powers() {
  static constexpr std::array kAll{Power::save, Power::balanced, Power::max};
  return kAll;
}

struct Runtime::Parts {
  RuntimeOptions options;
  sys::CpuFeatures features;
  kernels::KernelTable kernels;
  kernels::Isa isa;
  sys::ThreadPool pool;
  Widths widths;
};

Runtime::Runtime(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Runtime::~Runtime() = default;

Result<std::unique_ptr<Runtime>> Runtime::create(RuntimeOptions options) {
  sys::CpuFeatures features = sys::detect_cpu_features();
  // Not where another set is forced: on a machine that only announces tiles, trying them may end the program.
  const bool wants_tiles = !options.isa || *options.isa == kernels::Isa::amx;
  features.amx_int8 = features.amx_int8 && wants_tiles && sys::request_tiles();
  if (features.amx_int8) {
    const auto tiles = kernels::select_kernels(features, kernels::Isa::amx);
    if (tiles && !kernels::multiplies_right(*tiles)) {
      features.amx_int8 = false;
      if (options.log) options.log("AMX is announced but multiplies wrongly here; it is not used");
    }
  }
  const kernels::Isa isa = options.isa.value_or(kernels::best_isa(features));
  MOTE_ASSIGN(const kernels::KernelTable table, kernels::select_kernels(features, isa));
  const Widths widths = widths_of(options, features.physical_cores);
  const std::chrono::microseconds spin = spin_of(options.power);
  return std::unique_ptr<Runtime>(new Runtime(std::unique_ptr<Parts>(
      new Parts{std::move(options), std::move(features), table, isa,
                sys::ThreadPool(std::max(widths.generation, widths.prompt), spin), widths})));
}

kernels::Isa Runtime::isa() const { return parts_->isa; }
sys::ThreadPool& Runtime::pool() { return parts_->pool; }
unsigned Runtime::width_for(std::size_t tokens) const {
  // Generation feeds one token or, with drafts, some; where to draw the line is a choice, not a measurement.
  constexpr std::size_t kFewTokens = 4;
  return tokens > kFewTokens ? parts_->widths.prompt : parts_->widths.generation;
}
const kernels::KernelTable& Runtime::kernels() const { return parts_->kernels; }
const sys::CpuFeatures& Runtime::features() const { return parts_->features; }

void Runtime::log(std::string_view line) const {
  if (parts_->options.log) parts_->options.log(line);
}

std::uint64_t Runtime::memory_available_bytes() const {
  if (parts_->options.memory_limit_bytes != 0) return parts_->options.memory_limit_bytes;
  const std::uint64_t system = system_available_bytes().value_or(UINT64_MAX);
  return std::min(system, group_available_bytes().value_or(UINT64_MAX));
}

}  // namespace mote::engine
