// What reader and writer of GGUF agree on: error codes, names, sizes of values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "formats/metadata.h"
#include "mote/error.h"

namespace mote::formats {

inline constexpr ErrorCode kGgufTruncated{"GGUF_TRUNCATED", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufMagic{"GGUF_MAGIC", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufVersion{"GGUF_VERSION", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufEndian{"GGUF_ENDIAN", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufCount{"GGUF_COUNT", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufKey{"GGUF_KEY", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufDupKey{"GGUF_DUP_KEY", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufType{"GGUF_TYPE", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufArray{"GGUF_ARRAY", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufString{"GGUF_STRING", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufDepth{"GGUF_DEPTH", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufLimit{"GGUF_LIMIT", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufAlignment{"GGUF_ALIGNMENT", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufDims{"GGUF_DIMS", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufShapeOverflow{"GGUF_SHAPE_OVERFLOW", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufBlock{"GGUF_BLOCK", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufTensorType{"GGUF_TENSOR_TYPE", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufTensorName{"GGUF_TENSOR_NAME", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufOffset{"GGUF_OFFSET", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufOverlap{"GGUF_OVERLAP", ErrorKind::corrupt_data};
inline constexpr ErrorCode kGgufSplit{"GGUF_SPLIT", ErrorKind::corrupt_data};

inline constexpr std::string_view kAlignmentKey = "general.alignment";
inline constexpr std::uint64_t kDefaultAlignment = 32;
inline constexpr std::uint64_t kGgufHeaderBytes = 24;   // magic, version, two counts
inline constexpr std::size_t kMaxTensorNameBytes = 63;  // the reference keeps 64 with the final zero
inline constexpr std::uint64_t kMaxKeyBytes = 65'535;   // docs/gguf.md
inline constexpr std::uint64_t kMaxAlignment = 65'536;

// What is wrong with a key or a tensor's name; nothing where it is fine. Keys are not empty, valid UTF-8 and
// without NUL; names also without control characters and without what would leave a folder, since both end up
// in reports and some tools make file names of them.
std::optional<std::string_view> key_fault(std::string_view key);
std::optional<std::string_view> tensor_name_fault(std::string_view name);

// Bytes of a value of a fixed size; the least that a string (its length) or an array (type and count) can
// take.
std::uint64_t smallest_bytes(ValueType type);
[[nodiscard]] constexpr bool is_value_type(std::uint32_t id) {
  return id <= static_cast<std::uint32_t>(ValueType::f64);
}

// Name of a tensor type of ggml that mote may not read, "IQ2_XXS"; empty where the id is retired or unknown.
std::string_view ggml_type_name(std::uint32_t id);

}  // namespace mote::formats
