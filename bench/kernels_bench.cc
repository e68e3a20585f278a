// The roofs themselves: what this core computes and reads at most. The kernels are in the other files.
#include <benchmark/benchmark.h>

#include "chosen_kernels.h"
#include "roof.h"

namespace mote::bench {
namespace {

void roof_of(benchmark::State& state, double Peaks::* which, const char* unit, std::size_t bytes) {
  double best = 0;
  for (auto _ : state) best = std::max(best, measure_peaks(other_memory(bytes)).*which);
  state.counters[unit] = benchmark::Counter(best * 1e-9);
}

void peak_integer(benchmark::State& state) { roof_of(state, &Peaks::integer_operations, "Gop/s", 0); }
BENCHMARK(peak_integer)->Iterations(3);
void peak_float(benchmark::State& state) { roof_of(state, &Peaks::float_operations, "Gop/s", 0); }
BENCHMARK(peak_float)->Iterations(3);
// In KiB: the first and second cache, the third, and memory.
void read_memory(benchmark::State& state) {
  roof_of(state, &Peaks::bytes, "GB/s", static_cast<std::size_t>(state.range(0)) << 10U);
}
BENCHMARK(read_memory)->Arg(16)->Arg(512)->Arg(16 << 10)->Arg(512 << 10)->Iterations(3);

}  // namespace
}  // namespace mote::bench

BENCHMARK_MAIN();
