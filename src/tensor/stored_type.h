// How elements lie in a file where that is no codec: types that no kernel computes with. A reader hands
// floats out as the nearest codec that holds every value (F8 as F16), F64 rounded to F32; integers are
// tensors that can be listed and copied and are never weights.
//
// Why not codecs: a codec promises decode, encode and an execution form, and everything above chooses among
// codecs. None of these is a format to write.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tensor/codec_id.h"

namespace mote {

enum class StoredType : std::uint8_t {
  codec,  // as the tensor's codec says
  f64,
  f8_e4m3,  // 1 sign, 4 exponent (bias 7), 3 mantissa bits; no infinities, 0x7F and 0xFF are NaN (OCP FP8)
  f8_e5m2,  // 1 sign, 5 exponent (bias 15), 2 mantissa bits: the upper half of an F16
  boolean,
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
};

// As safetensors calls it, "F8_E4M3"; empty for StoredType::codec.
std::string_view to_string(StoredType type);
// Bytes of an element; 0 for StoredType::codec.
std::uint32_t element_bytes(StoredType type);
// What reading such a tensor as a weight gives; nothing for booleans and integers.
std::optional<CodecId> weight_codec(StoredType type);

// The exact value.
float e4m3_to_float(std::uint8_t bits);

}  // namespace mote
