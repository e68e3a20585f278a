// A seeded generator whose sequence is part of our promises (sampling, tests): SplitMix64, Steele, Lea and
// Flood, "Fast splittable pseudorandom number generators", 2014. std::mt19937's distributions differ between
// standard libraries; these do not.
#pragma once

#include <cstdint>

namespace mote {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next_u64() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  // Uniform in [0, 1), 53 bits.
  double next_double() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

  // Uniform in [0, bound); bound must not be 0. Multiply-shift: bias below bound / 2^64.
  std::uint64_t next_below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next_u64()) * bound) >> 64);
  }

  // Standard normal, as the sum of twelve uniforms less six: exact arithmetic order, no libm in the sequence.
  double next_normal() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += next_double();
    return sum;
  }

 private:
  std::uint64_t state_;
};

}  // namespace mote
