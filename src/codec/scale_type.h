// The type in which a checkpoint stores scales that are floats in memory. What is written must be a number
// that the type holds, and codes are chosen against that number: it is what a reader gets.
#pragma once

#include <cstdint>

#include "tensor/float16.h"

namespace mote::codec {

enum class ScaleType : std::uint8_t { f32, f16, bf16 };

// To nearest, ties to even; infinite where the type cannot hold it.
inline float rounded_to(ScaleType type, float value) {
  switch (type) {
    case ScaleType::f16:
      return half_to_float(float_to_half(value));
    case ScaleType::bf16:
      return bhalf_to_float(float_to_bhalf(value));
    case ScaleType::f32:
      break;
  }
  return value;
}

}  // namespace mote::codec
