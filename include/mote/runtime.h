// What all models and sessions of a program share: threads, the kernels chosen for this processor, limits and
// where log lines go. The library has no globals and reads no environment: the program makes one Runtime and
// passes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "mote/isa.h"
#include "mote/result.h"

// Of the library's inside; complete in its own headers only.
namespace mote::kernels {
struct KernelTable;
}
namespace mote::sys {
struct CpuFeatures;
class ThreadPool;
}  // namespace mote::sys

namespace mote::engine {

// What a program may take of the processor. No effect on results.
enum class Power : std::uint8_t {
  save,      // unless told otherwise half the cores generate; threads that wait sleep at once
  balanced,  // threads that wait stay awake for as long as the pauses within a step last
  max,       // and through the pauses between steps: cores stay busy until a text is finished
};
std::string_view to_string(Power power);  // "save", "balanced", "max"
std::span<const Power> all_powers();

struct RuntimeOptions {
  unsigned threads = 0;  // 0: one per physical core that the process may use, but see Power
  // For steps of many tokens, as prompts have them: computing sets their pace, in generation memory does,
  // which few cores may read as fast as all. 0: as many as `threads`, where that is 0 every core. No effect
  // on results.
  unsigned prompt_threads = 0;
  Power power = Power::balanced;
  std::optional<kernels::Isa> isa;            // absent: the best that this processor runs
  std::uint64_t memory_limit_bytes = 0;       // 0: what the system says is available
  std::function<void(std::string_view)> log;  // one line, no newline; may be empty
};

// Not thread safe: one load, feed, generate, quantize or measurement at a time per Runtime, and one opening
// of a session whose prefix cache has a folder, as they use its one thread pool.
class Runtime {
 public:
  // Errors: KERNEL_ISA where the asked instruction set is not available here.
  static Result<std::unique_ptr<Runtime>> create(RuntimeOptions options = {});
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] kernels::Isa isa() const;
  // Bytes that a load may take now: the given limit, else what the system has available.
  [[nodiscard]] std::uint64_t memory_available_bytes() const;
  void log(std::string_view line) const;

  // For the library's own modules.
  [[nodiscard]] sys::ThreadPool& pool();
  [[nodiscard]] unsigned width_for(std::size_t tokens) const;  // of the pool, for a step of so many
  [[nodiscard]] const kernels::KernelTable& kernels() const;
  // Of the processor, whatever `isa` was asked for; tiles (AMX) only where they were not ruled out and work.
  [[nodiscard]] const sys::CpuFeatures& features() const;

 private:
  struct Parts;
  explicit Runtime(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace mote::engine
