// Scales and mins of a block from their codes.
#pragma once

#include <cstddef>

#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::codec {

// Where there are no mins, ScaleCodes has zeros.
inline void scale_values(const ScaleCodes& codes, std::size_t groups, float* scales, float* mins) {
  const float factor = half_to_float(codes.factor);
  const float min_factor = half_to_float(codes.min_factor);
  for (std::size_t g = 0; g < groups; ++g) {
    scales[g] = factor * static_cast<float>(codes.scales[g]);
    mins[g] = min_factor * static_cast<float>(codes.mins[g]);
  }
}

}  // namespace mote::codec
