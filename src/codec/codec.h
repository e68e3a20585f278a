// The table of weight formats. A codec knows the bytes of one block and nothing of files, threads or methods:
// pure functions over spans of blocks. One file group per format (q4_0.h/.cc ..., those with codebooks in
// iq/), one row in codec.cc.
//
// Adding a format: its CodecId, its file group, its row. Everything else (readers, kernels, quantizers,
// tables, documents) works from the row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/checked.h"
#include "tensor/codec_id.h"
#include "tensor/shape.h"

namespace mote::codec {

// Scales of a block of 256 elements as the format stores them: one factor, and a small code per group whose
// product with it is the group's scale; the same of mins.
struct ScaleCodes {
  std::int8_t scales[16];  // one per group
  std::int8_t mins[16];
  std::uint16_t factor;  // halves
  std::uint16_t min_factor;
};

// How a block looks to integer dot products. Within a group of `group_elements` consecutive elements
//     x[i] = scale * value[i] - min,   value[i] = table ? table[code[i]] : code[i] - offset
// in float arithmetic, scale and min one of each per group (min is 0 where has_min is false). Codes are in
// element order, so an execution layout can be built without knowing the format.
struct IntegerForm {
  std::uint16_t group_elements;  // 16 or 32; divides block_elements
  std::uint8_t code_bits;        // codes are below 2^code_bits: 2 to 6, or 8; with a table 3 or 4
  std::int16_t offset;           // ignored where there is a table
  const std::int8_t* table;      // 2^code_bits entries, or null
  bool has_min;
  bool half_scales = false;  // scales and mins are halves, so that a layout may keep them as such
  // codes: block_elements; scales and mins: block_elements / group_elements each.
  void (*unpack)(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept;
  // Where scales are products of codes (blocks of 256 only): scale = float(factor) * float(code), exact in
  // float, and min the same way. Null elsewhere.
  void (*unpack_scales)(const std::byte* block, ScaleCodes& out) noexcept = nullptr;
};

// Formats of Hugging Face folders, which no GGUF file holds.
inline constexpr std::uint32_t kNoGgufType = 0xFFFF'FFFF;

struct Codec {
  CodecId id;
  std::string_view name;         // as printed and typed, "Q4_K"; matching ignores case
  std::uint32_t gguf_type;       // id in GGUF files, or kNoGgufType
  std::uint32_t block_elements;  // 1 for plain floats
  std::uint32_t block_bytes;
  // Exact value of every element, equal bit for bit to the format's reference (Python package gguf, or the
  // library that a folder's layout is of).
  void (*decode)(const std::byte* blocks, float* out, std::size_t block_count) noexcept;
  // Plain rounding as the format's reference does it (min-max or absmax scales). Null where the format has
  // none: with so few bits only a search that knows the importance of inputs gives a usable weight.
  void (*encode_rtn)(const float* in, std::byte* blocks, std::size_t block_count) noexcept;
  const IntegerForm* integer_form;  // null for plain floats and FP8
  // True where a block's scales are all finite (and, for plain floats, the elements). Used when a file is
  // verified.
  bool (*is_finite)(const std::byte* blocks, std::size_t block_count) noexcept;

  [[nodiscard]] double bits_per_weight() const { return 8.0 * block_bytes / block_elements; }
  [[nodiscard]] bool is_plain_float() const { return block_elements == 1; }
  [[nodiscard]] bool has_gguf_type() const { return gguf_type != kNoGgufType; }
};

// All codecs, in the order of CodecId.
std::span<const Codec> all_codecs();
const Codec& codec_of(CodecId id);
// Null where unknown. Name matching ignores case and takes "Q4_K" as well as "q4_k".
const Codec* find_codec(std::string_view name);
const Codec* find_codec_by_gguf_type(std::uint32_t gguf_type);

// Bytes of a tensor; invalid on overflow or where the codec's block does not divide the contiguous dimension.
Checked tensor_bytes(const Codec& codec, const Shape& shape);

}  // namespace mote::codec
