// The roof of a kernel: no less time than its operations take at the core's peak, and no less than its bytes
// take at the bandwidth with which such memory is read (Williams, Waterman, Patterson, "Roofline", 2009).
// Both are measured beside the kernel, since a shared machine changes its mind from minute to minute.
#pragma once

#include <cstddef>
#include <span>

#include <benchmark/benchmark.h>

namespace mote::bench {

// What one call of a kernel cannot do without. Products count two operations per multiply-add; what comes
// with them (scales of groups, unpacking) is the kernel's own affair and not counted.
struct Work {
  double integer_operations = 0;
  double float_operations = 0;
  double bytes = 0;  // read and written, each once
};

// The exponential's: a product to find k, two fused steps of the reduction, five of the polynomial, a square,
// another fused step, an addition.
inline constexpr double kExpOperations = 1 + 2 * 2 + 5 * 2 + 1 + 2 + 1;

// A second's worth at most.
struct Peaks {
  double integer_operations = 0;
  double float_operations = 0;
  double bytes = 0;
};

// Measured now; the bytes by reading `memory`: what the kernel is going to read, or as much of something
// else.
Peaks measure_peaks(std::span<const std::byte> memory);
// As many bytes of something else.
std::span<const std::byte> other_memory(std::size_t bytes);

// The counters of a line, after its loop:
//   GB/s, Gop/s   what was done
//   op/B          operations per byte
//   roof          the most Gop/s (GB/s where nothing is computed) that operations and bytes allow
//   of_roof       the share that was reached
// The label says what the roof is: int8, f32, int8+f32 or memory.
void report(benchmark::State& state, const Work& work, const Peaks& peaks);

}  // namespace mote::bench
