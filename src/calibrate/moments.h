// Second moments of the inputs of a matrix, summed over tokens in double precision. Source of their use:
// Frantar et al., "GPTQ", 2022, equation 1.
//
// The order of all sums depends on the shape and on how tokens come in portions, not on threads or
// instruction set.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/checked.h"
#include "engine/runtime.h"
#include "mote/result.h"
#include "tensor/aligned_buffer.h"

namespace mote::calibrate {

// Sum over tokens of a b^T for vectors a and b of `cols` elements.
class Moments {
 public:
  // Room for portions of up to `tokens`. Errors: OUT_OF_MEMORY.
  static Result<Moments> create(engine::Runtime& runtime, std::size_t cols, std::size_t tokens);

  // Adds a[t] b[t]^T for all tokens; both are [n][cols].
  void add(std::span<const float> a, std::span<const float> b);
  // The same for a = b, of which half is computed.
  void add(std::span<const float> a);

  [[nodiscard]] std::size_t tokens() const { return tokens_; }
  // [cols][cols], rows by `a`: the sums over the number of tokens. Hands the memory over: nothing can be
  // added afterwards.
  [[nodiscard]] std::vector<double> take_mean();
  // After add(a) alone: the sums, their lower triangle row by row, cols (cols + 1) / 2 numbers.
  [[nodiscard]] std::vector<float> packed_sums() const;
  // What create() takes.
  static Checked bytes(std::size_t cols, std::size_t tokens, unsigned threads);

 private:
  Moments(engine::Runtime& runtime, std::size_t cols) : runtime_(&runtime), cols_(cols) {}
  void transpose(std::span<const float> in, std::size_t n, float* out) const;
  void accumulate(const float* a, const float* b, std::size_t n, bool symmetric);

  engine::Runtime* runtime_;
  std::size_t cols_;
  std::size_t most_ = 0;
  std::size_t tokens_ = 0;
  bool symmetric_ = false;    // only entries up to the diagonal's stripe are summed
  AlignedBuffer transposed_;  // [2][cols][tokens]
  AlignedBuffer products_;    // of each thread: [kStripe][cols]
  std::vector<double> sums_;
};

}  // namespace mote::calibrate
