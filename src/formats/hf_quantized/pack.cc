#include "formats/hf_quantized/pack.h"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "codec/affine.h"
#include "codec/bit_stream.h"
#include "codec/codec.h"
#include "codec/table4.h"

namespace mote::formats {
namespace {

constexpr ErrorCode kFolderScale{"FOLDER_SCALE", ErrorKind::internal};

using Bytes = std::vector<std::byte>;

bool is_table(CodecId id) { return id == CodecId::nf4 || id == CodecId::fp4; }
bool is_gptq(CodecId id) {
  const auto format = codec::affine_format(id);
  return format && format->bits < 4;
}

std::string_view dtype_name(codec::ScaleType type) {
  switch (type) {
    case codec::ScaleType::f16:
      return "F16";
    case codec::ScaleType::bf16:
      return "BF16";
    case codec::ScaleType::f32:
      break;
  }
  return "F32";
}
std::uint64_t scale_bytes(codec::ScaleType type) { return type == codec::ScaleType::f32 ? 4 : 2; }

// Groups of a row.
std::uint64_t groups_of(const codec::AffineFormat& format, std::uint64_t cols) {
  return format.per_row ? 1 : cols / format.group;
}

void put_word(Bytes& out, std::uint64_t index, std::uint32_t word) {
  std::memcpy(out.data() + index * sizeof word, &word, sizeof word);
}

// One scale of a list in the stored type.
class ScaleList {
 public:
  ScaleList(const PackedWeight& weight, std::uint64_t count)
      : weight_(weight),
        type_(folder_scale_type(weight.id, weight.dense)),
        bytes_(count * scale_bytes(type_)) {}

  Result<void> set(std::uint64_t index, float scale) {
    if (!(codec::rounded_to(type_, scale) == scale)) {
      return Error{kFolderScale,
                   "a scale of " + weight_.base + " is " + std::to_string(scale) + ", which " +
                       std::string(dtype_name(type_)) + " does not hold",
                   "", "", std::nullopt};
    }
    if (type_ == codec::ScaleType::f32) {
      std::memcpy(bytes_.data() + index * 4, &scale, 4);
      return {};
    }
    const std::uint16_t bits = type_ == codec::ScaleType::f16 ? float_to_half(scale) : float_to_bhalf(scale);
    std::memcpy(bytes_.data() + index * 2, &bits, 2);
    return {};
  }
  Bytes take() { return std::move(bytes_); }

 private:
  const PackedWeight& weight_;
  codec::ScaleType type_;
  Bytes bytes_;
};

Error several_scales(const PackedWeight& weight, std::uint64_t row) {
  return {kFolderScale, "row " + std::to_string(row) + " of " + weight.base + " has more than one scale", "",
          "", std::nullopt};
}

// The group's scale and zero point, [row][group], and every block's codes in turn.
struct AffineParts {
  std::vector<codec::AffineScale> scales;
  std::uint64_t groups = 1;
};

Result<AffineParts> affine_parts(const PackedWeight& weight, const codec::AffineFormat& format,
                                 std::span<const std::byte> blocks) {
  AffineParts out;
  const std::uint64_t rows = weight.shape.rows();
  const std::uint64_t row_blocks = weight.shape.cols() / format.group;
  out.groups = groups_of(format, weight.shape.cols());
  out.scales.resize(rows * out.groups);
  for (std::uint64_t r = 0; r < rows; ++r) {
    for (std::uint64_t b = 0; b < row_blocks; ++b) {
      const codec::AffineScale found =
          codec::affine_scale(format, blocks.data() + (r * row_blocks + b) * format.block_bytes());
      codec::AffineScale& group = out.scales[r * out.groups + (format.per_row ? 0 : b)];
      if (b == 0 || !format.per_row) group = found;
      if (!(group == found)) return several_scales(weight, r);
    }
  }
  return out;
}

// Codes of a row, one stream of bits.
void row_stream(const codec::AffineFormat& format, const std::byte* row, std::uint64_t row_blocks,
                std::byte* out) {
  const std::uint64_t code_bytes = format.group * format.bits / 8;
  for (std::uint64_t b = 0; b < row_blocks; ++b) {
    std::memcpy(out + b * code_bytes, row + b * format.block_bytes() + format.header_bytes(), code_bytes);
  }
}

// Zero points packed along the rows: word w of group g has those of rows w * 32 / bits and up.
Bytes packed_zeros(const AffineParts& parts, unsigned bits, std::uint64_t rows) {
  const std::uint64_t words = (rows * bits + 31) / 32;
  Bytes out(words * parts.groups * sizeof(std::uint32_t));
  std::vector<std::uint32_t> column(words);
  for (std::uint64_t g = 0; g < parts.groups; ++g) {
    std::fill(column.begin(), column.end(), 0U);
    for (std::uint64_t r = 0; r < rows; ++r) {
      column[r * bits / 32] |= static_cast<std::uint32_t>(parts.scales[r * parts.groups + g].zero)
                               << (r * bits % 32);
    }
    for (std::uint64_t w = 0; w < words; ++w) put_word(out, w * parts.groups + g, column[w]);
  }
  return out;
}

Result<std::vector<Bytes>> pack_quantized(const PackedWeight& weight, const codec::AffineFormat& format,
                                          std::span<const std::byte> blocks) {
  const std::uint64_t rows = weight.shape.rows();
  const std::uint64_t cols = weight.shape.cols();
  const std::uint64_t row_blocks = cols / format.group;
  MOTE_ASSIGN(const AffineParts parts, affine_parts(weight, format, blocks));
  const std::uint64_t row_bytes = cols * format.bits / 8;
  Bytes codes(rows * row_bytes);
  for (std::uint64_t r = 0; r < rows; ++r) {
    row_stream(format, blocks.data() + r * row_blocks * format.block_bytes(), row_blocks,
               codes.data() + r * row_bytes);
  }
  ScaleList scales(weight, parts.scales.size());
  for (std::size_t i = 0; i < parts.scales.size(); ++i) MOTE_TRY(scales.set(i, parts.scales[i].scale));
  Bytes shape(2 * sizeof(std::int64_t));
  std::memcpy(shape.data(), &rows, sizeof rows);
  std::memcpy(shape.data() + sizeof rows, &cols, sizeof cols);
  std::vector<Bytes> out{std::move(codes), scales.take(), std::move(shape)};
  if (format.asymmetric) out.push_back(packed_zeros(parts, format.bits, rows));
  return out;
}

Result<std::vector<Bytes>> pack_gptq(const PackedWeight& weight, const codec::AffineFormat& format,
                                     std::span<const std::byte> blocks) {
  const std::uint64_t rows = weight.shape.rows();
  const std::uint64_t cols = weight.shape.cols();
  const std::uint64_t row_blocks = cols / format.group;
  MOTE_ASSIGN(const AffineParts parts, affine_parts(weight, format, blocks));
  const std::uint64_t row_words = cols * format.bits / 32;
  Bytes codes(rows * row_words * sizeof(std::uint32_t));
  Bytes stream(row_words * sizeof(std::uint32_t));
  for (std::uint64_t r = 0; r < rows; ++r) {
    row_stream(format, blocks.data() + r * row_blocks * format.block_bytes(), row_blocks, stream.data());
    for (std::uint64_t w = 0; w < row_words; ++w) {
      std::memcpy(codes.data() + (w * rows + r) * sizeof(std::uint32_t),
                  stream.data() + w * sizeof(std::uint32_t), sizeof(std::uint32_t));
    }
  }
  ScaleList scales(weight, parts.scales.size());
  Bytes zeros(parts.groups * rows * format.bits / 8);
  std::vector<std::uint8_t> of_group(rows);
  for (std::uint64_t g = 0; g < parts.groups; ++g) {
    for (std::uint64_t r = 0; r < rows; ++r) {
      const codec::AffineScale& s = parts.scales[r * parts.groups + g];
      MOTE_TRY(scales.set(g * rows + r, s.scale));
      of_group[r] = s.zero;
    }
    codec::pack_stream(format.bits, of_group.data(), zeros.data() + g * rows * format.bits / 8, rows);
  }
  Bytes order(cols * sizeof(std::uint32_t));
  for (std::uint64_t i = 0; i < cols; ++i)
    put_word(order, i, static_cast<std::uint32_t>(i / (cols / parts.groups)));
  return std::vector<Bytes>{std::move(codes), std::move(zeros), scales.take(), std::move(order)};
}

std::string_view table_name(CodecId id) { return id == CodecId::nf4 ? "nf4" : "fp4"; }

std::string_view torch_name(CodecId dense) {
  return dense == CodecId::f16 ? "float16" : dense == CodecId::bf16 ? "bfloat16" : "float32";
}

std::string quant_state(const PackedWeight& weight) {
  Json out;
  out["quant_type"] = table_name(weight.id);
  out["blocksize"] = codec::BlockTable4::kElements;
  out["dtype"] = torch_name(weight.dense);
  out["shape"] = JsonArray{Json(weight.shape.rows()), Json(weight.shape.cols())};
  return out.dump();
}

std::vector<Bytes> pack_table(const PackedWeight& weight, std::span<const std::byte> blocks) {
  const std::size_t count = blocks.size() / sizeof(codec::BlockTable4);
  constexpr std::size_t kCodeBytes = sizeof(codec::BlockTable4::qs);
  Bytes codes(count * kCodeBytes);
  Bytes absmax(count * sizeof(float));
  for (std::size_t b = 0; b < count; ++b) {
    const std::byte* block = blocks.data() + b * sizeof(codec::BlockTable4);
    std::memcpy(absmax.data() + b * sizeof(float), block, sizeof(float));
    std::memcpy(codes.data() + b * kCodeBytes, block + sizeof(float), kCodeBytes);
  }
  const auto& table = weight.id == CodecId::nf4 ? codec::kNf4Values : codec::kFp4TableValues;
  Bytes map(sizeof table);
  // The reference's second zero of FP4 has no sign.
  for (std::size_t i = 0; i < table.size(); ++i) {
    const float value = table[i] + 0.0F;
    std::memcpy(map.data() + i * sizeof value, &value, sizeof value);
  }
  const std::string state = quant_state(weight);
  Bytes text(state.size());
  std::memcpy(text.data(), state.data(), state.size());
  return {std::move(codes), std::move(absmax), std::move(map), std::move(text)};
}

Result<std::vector<Bytes>> pack_fp8(const PackedWeight& weight, std::span<const std::byte> blocks) {
  constexpr std::size_t kElements = 32;
  constexpr std::size_t kBlock = sizeof(float) + kElements;
  const std::uint64_t rows = weight.shape.rows();
  const std::uint64_t row_blocks = weight.shape.cols() / kElements;
  Bytes codes(rows * weight.shape.cols());
  ScaleList scales(weight, rows);
  for (std::uint64_t r = 0; r < rows; ++r) {
    float of_row = 0.0F;
    for (std::uint64_t b = 0; b < row_blocks; ++b) {
      const std::byte* block = blocks.data() + (r * row_blocks + b) * kBlock;
      float scale = 0.0F;
      std::memcpy(&scale, block, sizeof scale);
      if (b == 0) of_row = scale;
      if (scale != of_row) return several_scales(weight, r);
      std::memcpy(codes.data() + (r * row_blocks + b) * kElements, block + sizeof(float), kElements);
    }
    MOTE_TRY(scales.set(r, of_row));
  }
  return std::vector<Bytes>{std::move(codes), scales.take()};
}

}  // namespace

std::string_view layout_name(CodecId id) {
  if (is_table(id)) return "bitsandbytes";
  if (id == CodecId::fp8) return "compressed-tensors float-quantized";
  return is_gptq(id) ? "GPTQ v2" : "compressed-tensors pack-quantized";
}

codec::ScaleType folder_scale_type(CodecId id, CodecId dense) {
  if (is_table(id)) return codec::ScaleType::f32;
  if (is_gptq(id) || dense == CodecId::f16) return codec::ScaleType::f16;
  return dense == CodecId::bf16 ? codec::ScaleType::bf16 : codec::ScaleType::f32;
}

std::string_view shape_fault(CodecId id, const Shape& shape) {
  if (is_gptq(id) && shape.rows() % 32 != 0) return "GPTQ packs the zero points of 32 rows into whole words";
  return {};
}

std::vector<StoredTensor> parts_of(const PackedWeight& weight) {
  const std::uint64_t rows = weight.shape.rows();
  const std::uint64_t cols = weight.shape.cols();
  const codec::ScaleType type = folder_scale_type(weight.id, weight.dense);
  std::vector<StoredTensor> out;
  // Sizes cannot wrap: blocks of the same weight fit into memory.
  const auto add = [&](std::string_view suffix, std::string_view dtype, std::uint64_t element,
                       const Shape& shape) {
    out.push_back({weight.base + std::string(suffix), dtype, shape,
                   shape.element_count().value().value_or(0) * element});
  };
  if (is_table(weight.id)) {
    const std::uint64_t elements = rows * cols;
    add(".weight", "U8", 1, {elements / 2, 1});
    add(".weight.absmax", "F32", 4, {elements / codec::BlockTable4::kElements});
    add(".weight.quant_map", "F32", 4, {16});
    add(".weight.quant_state.bitsandbytes__" + std::string(table_name(weight.id)), "U8", 1,
        {quant_state(weight).size()});
    return out;
  }
  if (weight.id == CodecId::fp8) {
    add(".weight", "F8_E4M3", 1, weight.shape);
    add(".weight_scale", dtype_name(type), scale_bytes(type), {rows, 1});
    return out;
  }
  const codec::AffineFormat format = *codec::affine_format(weight.id);
  const std::uint64_t groups = groups_of(format, cols);
  if (is_gptq(weight.id)) {
    add(".qweight", "I32", 4, {cols * format.bits / 32, rows});
    add(".qzeros", "I32", 4, {groups, rows * format.bits / 32});
    add(".scales", dtype_name(type), scale_bytes(type), {groups, rows});
    add(".g_idx", "I32", 4, {cols});
    return out;
  }
  add(".weight_packed", "I32", 4, {rows, cols * format.bits / 32});
  add(".weight_scale", dtype_name(type), scale_bytes(type), {rows, groups});
  add(".weight_shape", "I64", 8, {2});
  if (format.asymmetric) add(".weight_zero_point", "I32", 4, {(rows * format.bits + 31) / 32, groups});
  return out;
}

Result<std::vector<Bytes>> pack_weight(const PackedWeight& weight, std::span<const std::byte> blocks) {
  if (is_table(weight.id)) return pack_table(weight, blocks);
  if (weight.id == CodecId::fp8) return pack_fp8(weight, blocks);
  const codec::AffineFormat format = *codec::affine_format(weight.id);
  return is_gptq(weight.id) ? pack_gptq(weight, format, blocks) : pack_quantized(weight, format, blocks);
}

}  // namespace mote::formats
