// Rotary position embedding (Su et al., "RoFormer", 2021): pair i of a head turns by position * frequency[i].
//
// Frequencies and angles are computed in float, as transformers does: models were trained with those
// roundings, which matter at positions in the ten thousands.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/kernel_table.h"
#include "model/spec.h"

namespace mote::engine {

// Whether a session of so many positions takes longrope's long divisors: its keys then differ from those of a
// shorter one.
bool has_long_divisors(const model::RopeSpec& spec, std::size_t context);

class Rope {
 public:
  // `context`: positions of the session, which choose between longrope's divisors.
  explicit Rope(const model::RopeSpec& spec, std::size_t context = 0);

  [[nodiscard]] std::size_t pairs() const { return frequencies_.size(); }
  // Cosines then sines of one position, times the attention factor: 2 * pairs() floats.
  void angles(std::size_t position, float* out) const;
  // Turns the leading elements of `heads` heads, `stride` elements apart, in place.
  void apply(const kernels::KernelTable& kernels, const float* angles, float* x, std::size_t heads,
             std::size_t stride) const;

 private:
  std::vector<float> frequencies_;
  float magnitude_;
  bool adjacent_;
};

}  // namespace mote::engine
