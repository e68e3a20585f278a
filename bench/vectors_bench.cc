// What runs over one vector of activations, in the first-level cache.
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "chosen_kernels.h"
#include "roof.h"

namespace mote::bench {
namespace {

// `operations` and `bytes`: of one element.
template <typename Call>
void over_vector(benchmark::State& state, double operations, double bytes, Call call) {
  const auto count = static_cast<double>(state.range(0));
  const Peaks peaks = measure_peaks(other_memory(static_cast<std::size_t>(count * bytes)));
  for (auto _ : state) call();
  report(state, {.integer_operations = 0, .float_operations = count * operations, .bytes = count * bytes},
         peaks);
}

void quantize_row(benchmark::State& state) {
  const auto cols = static_cast<std::size_t>(state.range(0));
  std::vector<float> x(cols, 0.5F);
  std::vector<std::int8_t> codes(cols);
  std::vector<float> scales(cols / 32);
  std::vector<std::int32_t> sums(cols / 16);
  // A product and an addition to the sum; the largest magnitude is found by comparisons.
  over_vector(state, 2, 4 + 1 + 4.0 / 32 + 4.0 / 16, [&] {
    table().quantize_row(x.data(), cols, codes.data(), scales.data(), sums.data());
    benchmark::DoNotOptimize(codes.data());
  });
}
BENCHMARK(quantize_row)->Arg(576)->Arg(2048);

void silu_mul(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  std::vector<float> gate(n, 0.5F);
  std::vector<float> up(n, 0.5F);
  std::vector<float> out(n);
  // The sign, an addition, a division and a product beside the exponential.
  over_vector(state, kExpOperations + 4, 12, [&] {
    table().silu_mul(gate.data(), up.data(), out.data(), n);
    benchmark::DoNotOptimize(out.data());
  });
}
BENCHMARK(silu_mul)->Arg(1536);

void softmax(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  std::vector<float> x(n, 0.5F);
  // The maximum off, to the sum, times its inverse.
  over_vector(state, kExpOperations + 3, 8, [&] {
    table().softmax(x.data(), n);
    benchmark::DoNotOptimize(x.data());
  });
}
BENCHMARK(softmax)->Arg(512);

void rms_norm(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  std::vector<float> x(n, 0.5F);
  std::vector<float> weight(n, 0.5F);
  std::vector<float> out(n);
  over_vector(state, 4, 12, [&] {
    table().rms_norm(x.data(), weight.data(), out.data(), n, 1e-5F);
    benchmark::DoNotOptimize(out.data());
  });
}
BENCHMARK(rms_norm)->Arg(576)->Arg(2048);

}  // namespace
}  // namespace mote::bench
