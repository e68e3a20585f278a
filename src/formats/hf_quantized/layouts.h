// One function per layout: whether tensor `index` of the file is the main part of a quantized weight, and
// then that weight, with everything about its parts checked but their values. Null where it is none. Errors:
// QUANTIZED_TENSOR, FORMAT_QUANTIZED.
#pragma once

#include <cstddef>
#include <memory>

#include "formats/hf_quantized/quant_config.h"
#include "formats/hf_quantized/weight_parts.h"

namespace mote::formats {

using FoundWeight = Result<std::unique_ptr<QuantizedWeight>>;

// "X.weight_packed" (pack-quantized).
FoundWeight find_packed(const TensorSource& file, std::size_t index);
// "X.weight" of I8 or F8_E4M3 beside "X.weight_scale" (int- and float-quantized).
FoundWeight find_plain_codes(const TensorSource& file, std::size_t index);
// "X.qweight" of GPTQ, rows along the inputs.
FoundWeight find_gptq(const TensorSource& file, const QuantConfig& config, std::size_t index);
// "X.qweight" of AutoAWQ's GEMM, columns interleaved.
FoundWeight find_awq(const TensorSource& file, std::size_t index);
// "X.weight" of U8 beside "X.weight.absmax" (bitsandbytes, 4 bit).
FoundWeight find_bnb4(const TensorSource& file, std::size_t index);

}  // namespace mote::formats
