// A quantized tensor whose codes stay and whose blocks' factors are tuned: the factor of a block's scales is
// multiplied by 1 + a, that of its mins by 1 + b, and a and b follow the loss downhill.
//
// Why factors: they are what a format can still say continuously once its codes are chosen, one or two
// numbers for 32 or 256 weights, and any engine reads them. Steps are Adam's (Kingma and Ba, 2014), so their
// size does not depend on the tensor's gradients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/codec_id.h"
#include "tensor/shape.h"

namespace mote::quantize {

// One step of the optimizer.
struct TuningStep {
  double rate = 0;         // most that a and b of a format with 16 levels move, about
  std::size_t number = 1;  // from 1 on, since the last restore()
};

class TunedTensor {
 public:
  // blocks: [rows][cols] in `type`. Factors stay where it does not `learn`, and in formats without
  // (has_factors() in block_codes.h). Throws std::bad_alloc.
  TunedTensor(CodecId type, const Shape& shape, std::span<const std::byte> blocks, bool learns);

  [[nodiscard]] bool is_tuned() const { return !scale_.value.empty(); }
  // Rows as they are with the factors now, [count][cols].
  void decode(std::size_t first, std::size_t count, float* out) const;
  // Adds the derivative of the loss by these rows to that by their factors. Rows may come from several
  // threads, each row from one at a time.
  void take(std::size_t first, std::size_t count, const float* gradient);
  // Factors move against the derivative, which becomes 0.
  void step(const TuningStep& step);
  // What restore() goes back to, with an optimizer that has seen nothing.
  void keep();
  void restore();
  // What keep() has kept: the changes of all scales, then of all mins. Another such tensor keeps the same by
  // take_kept(), which takes its numbers from the front of `from`; false where there are too few.
  [[nodiscard]] std::vector<float> kept() const;
  [[nodiscard]] bool take_kept(std::span<const float>& from);
  // The blocks with the factors now, rounded to halves as the format stores them; as long as those given.
  void store(std::span<std::byte> out) const;

 private:
  // One number per block, with Adam's means of its derivative and of the square of that.
  struct Parameter {
    std::vector<float> value, kept, gradient, mean, square;
    explicit Parameter(std::size_t n = 0) : value(n), kept(n), gradient(n), mean(n), square(n) {}
    void step(double rate, std::size_t number);
    void restore();
  };

  CodecId type_;
  double rate_share_ = 1;
  std::size_t cols_;
  std::size_t blocks_per_row_;
  std::span<const std::byte> blocks_;
  Parameter scale_;
  Parameter min_;  // empty in formats without
};

}  // namespace mote::quantize
