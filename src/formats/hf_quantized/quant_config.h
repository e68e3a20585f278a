// "quantization_config" of a Hugging Face folder: which tool's layout the tensors have, and what the tensors
// themselves do not show.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "mote/result.h"

namespace mote::formats {

inline constexpr ErrorCode kFormatQuantized{"FORMAT_QUANTIZED", ErrorKind::failed};
inline constexpr ErrorCode kQuantizedConfig{"QUANTIZED_CONFIG", ErrorKind::corrupt_data};
inline constexpr ErrorCode kQuantizedTensor{"QUANTIZED_TENSOR", ErrorKind::corrupt_data};

enum class QuantLayout : std::uint8_t {
  compressed_tensors,  // pack-quantized, int-quantized, float-quantized, by tensor
  gptq,
  awq,
  bitsandbytes,  // 4 bit
};

struct QuantConfig {
  QuantLayout layout = QuantLayout::compressed_tensors;
  unsigned bits = 4;          // gptq
  std::uint64_t group = 0;    // gptq: 0 for whole rows
  bool symmetric = false;     // gptq: every zero point is the middle code
  bool zero_less_one = true;  // gptq: version 1, which stores zero points less one
};

// Errors: QUANTIZED_CONFIG (a field is missing or of no use), FORMAT_QUANTIZED (a method or format that mote
// does not read).
Result<QuantConfig> read_quant_config(const Json& quantization_config);

}  // namespace mote::formats
