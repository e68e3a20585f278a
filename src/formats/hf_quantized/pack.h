// The reverse of reading: a weight's blocks as the tensors of a public layout. Codes and scales are moved,
// not chosen anew; what cannot be stored exactly is an error.
//
//   int4, int8   compressed-tensors, pack-quantized   weight_packed, weight_scale, weight_zero_point,
//   weight_shape int2, int3   GPTQ, version 2                      qweight, qzeros, scales, g_idx nf4, fp4
//   bitsandbytes, 4 bit                  weight, weight.absmax, weight.quant_map, weight.quant_state... fp8
//   compressed-tensors, float-quantized  weight, weight_scale
//
// 2 and 3 bits go to GPTQ because compressed-tensors has changed how it packs 3, and its readers of 2 are
// few. Version 2 stores true zero points: version 1 cannot say 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "codec/scale_type.h"
#include "formats/safetensors_writer.h"
#include "mote/result.h"
#include "tensor/codec_id.h"
#include "tensor/shape.h"

namespace mote::formats {

// Below, `id` is a codec without a GGUF type.
// "compressed-tensors pack-quantized", "GPTQ v2", "bitsandbytes", "compressed-tensors float-quantized".
std::string_view layout_name(CodecId id);
// How scales are stored beside weights that were of type `dense`: in its own type; GPTQ in F16, bitsandbytes
// in F32.
codec::ScaleType folder_scale_type(CodecId id, CodecId dense);

// What the layout wants of a weight besides that the block divides its rows: multiples of 32 in both
// directions (GPTQ). Nothing where it is fine.
std::string_view shape_fault(CodecId id, const Shape& shape);

struct PackedWeight {
  CodecId id;
  CodecId dense;     // type of the weight before
  std::string base;  // "model.layers.0.mlp.up_proj"
  Shape shape;       // [out, in]
};
std::vector<StoredTensor> parts_of(const PackedWeight& weight);
// Bytes of the parts, in their order. blocks: rows in the folder's order. FOLDER_SCALE (internal) where a
// scale is none of the stored type, or a row's blocks have several where the layout has one.
Result<std::vector<std::vector<std::byte>>> pack_weight(const PackedWeight& weight,
                                                        std::span<const std::byte> blocks);

// "quantization_config" of config.json. `dense`: type of the weights before; `kept`: modules of class Linear
// that stay as they are ("lm_head").
Json quantization_config(CodecId id, CodecId dense, std::span<const std::string> kept);
// The same for quantize_config.json, which older readers of GPTQ want; null for other layouts.
Json quantize_config(CodecId id);

}  // namespace mote::formats
