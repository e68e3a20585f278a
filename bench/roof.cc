#include "roof.h"

#include <algorithm>
#include <ctime>
#include <memory>

#include "chosen_kernels.h"
#include "peak.h"
#include "tensor/aligned_buffer.h"

namespace mote::bench {
namespace {

// The best of some short runs: interruptions only ever lower a rate. A run takes about a millisecond, less
// than a scheduler's turn.
constexpr int kRuns = 8;
constexpr std::size_t kRounds = 400'000;         // of twelve instructions, two a cycle
constexpr std::size_t kReadBytes = 32UL << 20U;  // at least

// The processor's time, as of the kernels: what others take of it is not counted.
double seconds_of_thread() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <typename Run>
double best_rate(Run run) {
  double best = 0;
  for (int i = 0; i < kRuns; ++i) {
    const double start = seconds_of_thread();
    const double done = run();
    best = std::max(best, done / (seconds_of_thread() - start));
  }
  return best;
}

double read_rate(std::span<const std::byte> memory) {
  if (memory.empty()) return 0;
  const kernels::Isa isa = isa_of("matmul_f32");
  const std::size_t passes = std::max<std::size_t>(1, kReadBytes / memory.size());
  double best = 0;
  for (const bool ahead : {false, true}) {
    best = std::max(best, best_rate([&] {
                      for (std::size_t i = 0; i < passes; ++i)
                        read_all(isa, memory.data(), memory.size(), ahead);
                      return static_cast<double>(passes * memory.size());
                    }));
  }
  return best;
}

benchmark::Counter rate(const benchmark::State& state, double per_call) {
  return {static_cast<double>(state.iterations()) * per_call, benchmark::Counter::kIsRate};
}

}  // namespace

Peaks measure_peaks(std::span<const std::byte> memory) {
  return {
      .integer_operations = best_rate([] { return integer_operations(isa_of("matmul_integer"), kRounds); }),
      .float_operations = best_rate([] { return float_operations(isa_of("matmul_f32"), kRounds); }),
      .bytes = read_rate(memory),
  };
}

std::span<const std::byte> other_memory(std::size_t bytes) {
  static std::unique_ptr<AlignedBuffer> memory;
  const std::size_t whole = (bytes + 255) / 256 * 256;  // what read_all reads at a time
  if (memory == nullptr || memory->size() < whole) {
    memory = std::make_unique<AlignedBuffer>(whole);
    std::fill_n(memory->data(), memory->size(), std::byte{1});  // takes its pages
  }
  return {memory->data(), whole};
}

void report(benchmark::State& state, const Work& work, const Peaks& peaks) {
  const double operations = work.integer_operations + work.float_operations;
  if (operations > 0) state.counters["Gop/s"] = rate(state, operations * 1e-9);
  state.counters["GB/s"] = rate(state, work.bytes * 1e-9);
  if (operations > 0) state.counters["op/B"] = benchmark::Counter(operations / work.bytes);
  // Without a loop for this set there is no roof.
  const auto has_peak = [](double done, double peak) { return done == 0 || peak > 0; };
  if (!has_peak(work.integer_operations, peaks.integer_operations) ||
      !has_peak(work.float_operations, peaks.float_operations)) {
    return;
  }
  const auto seconds_at = [](double done, double peak) { return done == 0 ? 0 : done / peak; };
  const double computing = seconds_at(work.integer_operations, peaks.integer_operations) +
                           seconds_at(work.float_operations, peaks.float_operations);
  const double reading = seconds_at(work.bytes, peaks.bytes);
  const double least = std::max(computing, reading);
  state.counters["roof"] = benchmark::Counter((operations > 0 ? operations : work.bytes) / least * 1e-9);
  state.counters["of_roof"] = rate(state, least);
  const char* arithmetic = work.float_operations == 0     ? "int8"
                           : work.integer_operations == 0 ? "f32"
                                                          : "int8+f32";
  state.SetLabel(reading >= computing ? "memory" : arithmetic);
}

}  // namespace mote::bench
