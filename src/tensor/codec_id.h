// Names of the weight formats. What lies behind a name (bytes, decode, encode) is the codec module's; a plain
// float is a codec with one element per block.
#pragma once

#include <cstdint>

namespace mote {

enum class CodecId : std::uint8_t {
  f32,
  f16,
  bf16,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  q8_1,
  q8_k,
  iq1_s,
  iq1_m,
  iq2_xxs,
  iq2_xs,
  iq2_s,
  iq3_xxs,
  iq3_s,
  tq1_0,
  tq2_0,
  mxfp4,
  nvfp4,
  q1_0,
  q2_0,
  f64,
};

}  // namespace mote
