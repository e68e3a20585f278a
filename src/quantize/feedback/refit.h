// The factors of a row's blocks chosen anew for codes that stay: the scale and min of a small block, or what
// all scales and all mins of a super-block are multiples of.
//
// With F the values that a factor of 1 would give (one column per factor, each on its own block only) and e
// what the row is off now, the loss (e + F d)^T H (e + F d) is least where F^T H F d = -F^T H e. The factors
// moved by d are rounded to halves, and kept only where the loss has become less.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "quantize/feedback/block_codes.h"
#include "quantize/feedback/curvature.h"
#include "quantize/feedback/feedback_kernels.h"
#include "tensor/codec_id.h"

namespace mote::quantize {

// Scratch of one thread.
class Refit {
 public:
  Refit(CodecId type, const FeedbackKernels& kernels, const Curvature& curvature);

  // levels: of each element of the row, [cols]; blocks: the row as it is stored, for the integers of its
  // scales; gradient: H e, [cols]; factors: of each block. Gradient and factors change where that lowers the
  // loss; returns by how much.
  double run(std::span<const float> levels, const std::byte* blocks, std::span<float> gradient,
             std::span<BlockFactors> factors);

 private:
  void set_columns(std::span<const float> levels, const std::byte* blocks);
  void multiply();
  bool solve();
  [[nodiscard]] double change_of(std::span<const double> moves) const;

  CodecId type_;
  const FeedbackKernels& kernels_;
  const Curvature& curvature_;
  std::size_t cols_;
  std::size_t block_;            // elements
  std::size_t per_block_;        // factors: 1, or 2 with mins
  std::size_t count_;            // of factors
  std::vector<float> columns_;   // [per_block][cols]
  std::vector<float> products_;  // [count][cols]: H times each column of F
  std::vector<double> normal_;   // [count][count]: F^T H F
  std::vector<double> lower_;    // its factor
  std::vector<double> right_;    // -F^T H e
  std::vector<double> start_, moves_, work_;
};

}  // namespace mote::quantize
