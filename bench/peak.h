// What the processor can do at most, measured beside the kernels: the denominators of every efficiency
// figure.
#pragma once

#include <cstddef>

namespace mote::bench {

// Operations of a loop of independent vpdpbusd on 512-bit registers (128 each), or of f32 fused multiply-adds
// (32 each); 0 where the processor has no such instruction.
double integer_operations(std::size_t rounds);
double float_operations(std::size_t rounds);

// Reads `bytes` and returns a number that depends on all of them.
std::size_t read_all(const std::byte* data, std::size_t bytes);

}  // namespace mote::bench
