// What all models and sessions of a program share: threads, the kernels chosen for this processor, limits and
// where log lines go. The library has no globals and reads no environment: the program makes one Runtime and
// passes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "kernels/kernel_table.h"
#include "mote/result.h"
#include "sys/cpu_features.h"
#include "sys/thread_pool.h"

namespace mote::engine {

struct RuntimeOptions {
  unsigned threads = 0;                       // 0: one per physical core that the process may use
  std::optional<kernels::Isa> isa;            // absent: the best that this processor runs
  std::uint64_t memory_limit_bytes = 0;       // 0: what the system says is available
  std::function<void(std::string_view)> log;  // one line, no newline; may be empty
};

// Not thread safe: one load, feed or generate at a time per Runtime, as they use its one thread pool.
class Runtime {
 public:
  // Errors: KERNEL_ISA where the asked instruction set is not available here.
  static Result<std::unique_ptr<Runtime>> create(RuntimeOptions options = {});
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] sys::ThreadPool& pool() { return pool_; }
  [[nodiscard]] const kernels::KernelTable& kernels() const { return *kernels_; }
  [[nodiscard]] kernels::Isa isa() const { return isa_; }
  [[nodiscard]] const sys::CpuFeatures& features() const { return features_; }
  // Bytes that a load may take now: the given limit, else what the system has available.
  [[nodiscard]] std::uint64_t memory_available_bytes() const;
  void log(std::string_view line) const {
    if (options_.log) options_.log(line);
  }

 private:
  Runtime(RuntimeOptions options, sys::CpuFeatures features,
          std::unique_ptr<const kernels::KernelTable> table, kernels::Isa isa);

  RuntimeOptions options_;
  sys::CpuFeatures features_;
  std::unique_ptr<const kernels::KernelTable> kernels_;
  kernels::Isa isa_;
  sys::ThreadPool pool_;
};

}  // namespace mote::engine
