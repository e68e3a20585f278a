// compressed-tensors, pack-quantized: codes of a row in 32-bit words along the inputs, scales [out, groups],
// zero points packed along the outputs. Codes and zero points are stored plus 2^(b - 1), which is how the
// codec has them.
#include <cstring>

#include "codec/affine.h"
#include "codec/bit_stream.h"
#include "formats/hf_quantized/layouts.h"

namespace mote::formats {
namespace {

constexpr std::string_view kSuffix = ".weight_packed";

class Packed final : public QuantizedWeight {
 public:
  [[nodiscard]] Result<void> read(const TensorSource& file, std::span<std::byte> blocks) const override {
    const codec::AffineFormat format = *codec::affine_format(groups.codec);
    MOTE_TRY(file.check());
    MOTE_ASSIGN(const std::vector<float> scales, read_scales(file, scale));
    const std::span<const std::byte> words = file.stored(codes);
    const std::uint64_t rows = info.shape.rows();
    const std::uint64_t row_blocks = info.shape.cols() / groups.block;
    const std::uint64_t block_codes = groups.block * format.bits / 8;
    std::byte* out = blocks.data();
    for (std::uint64_t r = 0; r < rows; ++r) {
      for (std::uint64_t b = 0; b < row_blocks; ++b, out += format.block_bytes()) {
        const std::uint64_t g = groups.group_of(b);
        std::memcpy(out, &scales[r * group_count + g], sizeof(float));
        if (format.asymmetric) out[4] = static_cast<std::byte>(zero_of(file, format, r, g));
        std::memcpy(out + format.header_bytes(), words.data() + (r * row_blocks + b) * block_codes,
                    block_codes);
      }
    }
    return {};
  }

  BlockGroups groups{};
  std::uint64_t group_count = 1;
  std::size_t codes = 0;
  std::size_t scale = 0;
  std::optional<std::size_t> zero;
  bool packed_zeros = true;

 private:
  [[nodiscard]] std::uint8_t zero_of(const TensorSource& file, const codec::AffineFormat& format,
                                     std::uint64_t r, std::uint64_t g) const {
    const std::span<const std::byte> zeros = file.stored(*zero);
    if (!packed_zeros) {
      const auto value = static_cast<std::int8_t>(zeros[r * group_count + g]);
      return static_cast<std::uint8_t>(value + format.middle());
    }
    // 2, 4 and 8 bits never straddle words.
    const std::uint64_t bit = r * format.bits;
    const std::uint32_t word = word_at(zeros, bit / 32 * group_count + g);
    return static_cast<std::uint8_t>((word >> (bit % 32)) & static_cast<std::uint32_t>(format.largest()));
  }
};

// The two numbers of weight_shape.
Result<Shape> shape_of(const TensorSource& file, std::size_t index) {
  const std::span<const std::byte> bytes = file.stored(index);
  const bool wide = file.tensors()[index].stored == StoredType::i64;
  std::uint64_t dims[2] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    std::int64_t value = 0;
    if (wide) {
      std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    } else {
      value = static_cast<std::int32_t>(word_at(bytes, i));
    }
    if (value <= 0) return bad_tensor(file.tensors()[index].name, "holds " + std::to_string(value));
    dims[i] = static_cast<std::uint64_t>(value);
  }
  return Shape{dims[0], dims[1]};
}

}  // namespace

FoundWeight find_packed(const TensorSource& file, std::size_t index) {
  const TensorInfo& packed = file.tensors()[index];
  if (!packed.name.ends_with(kSuffix)) return nullptr;
  WeightParts parts(file, packed.name.substr(0, packed.name.size() - kSuffix.size()));
  auto out = std::make_unique<Packed>();
  MOTE_ASSIGN(out->codes, parts.need("weight_packed", {"I32"}, {}));
  MOTE_ASSIGN(const std::size_t shape_index, parts.need("weight_shape", {"I64", "I32"}, {Shape{2}}));
  MOTE_TRY(file.check());
  MOTE_ASSIGN(const Shape shape, shape_of(file, shape_index));
  const std::uint64_t rows = shape.rows();
  const std::uint64_t cols = shape.cols();
  if (packed.shape.rank() != 2 || packed.shape[0] != rows || cols % 32 != 0) {
    return bad_tensor(packed.name, "has shape " + to_string(packed.shape) + " for a weight " +
                                       to_string(shape) + "; rows of a multiple of 32 are read");
  }
  // cols / 32 words for each bit.
  const std::uint64_t bits = packed.shape[1] / (cols / 32);
  if (packed.shape[1] % (cols / 32) != 0 || (bits != 2 && bits != 4 && bits != 8)) {
    return bad_tensor(packed.name, "has " + std::to_string(packed.shape[1]) + " words for rows of " +
                                       std::to_string(cols) + ", which is not 2, 4 or 8 bits");
  }
  MOTE_ASSIGN(out->scale, parts.need("weight_scale", {"F32", "F16", "BF16"}, {}));
  const Shape& scales = parts.info(out->scale).shape;
  const std::uint64_t count = scales.element_count().value().value_or(0);
  out->group_count = count % rows == 0 ? count / rows : 0;
  if (out->group_count == 0 || cols % out->group_count != 0 || (scales.rank() == 2 && scales[0] != rows)) {
    return bad_tensor(parts.info(out->scale).name, "has shape " + to_string(scales) + " for a weight " +
                                                       to_string(shape) + ", expected [rows, groups]");
  }
  out->zero = parts.find("weight_zero_point");
  if (out->zero) {
    out->packed_zeros = type_name(parts.info(*out->zero)) == "I32";
    const std::uint64_t words = (Checked(rows) * bits + 31).value().value_or(0) / 32;
    MOTE_TRY(
        parts.check(*out->zero, {"I32", "I8"}, {Shape{out->packed_zeros ? words : rows, out->group_count}}));
  }
  const std::uint64_t group = cols / out->group_count;
  if (const auto order = parts.find("weight_g_idx"); order) {
    MOTE_TRY(parts.check(*order, {"I32"}, {Shape{cols}}));
    if (!is_plain_order(file.stored(*order), group)) {
      return Error{kFormatQuantized,
                   "tensor \"" + packed.name + "\" has its groups in the order of activations (g_idx)",
                   "mote reads groups of neighbours; quantize without actorder", "", std::nullopt};
    }
  }
  const auto groups = block_groups(static_cast<unsigned>(bits), cols, out->group_count == 1 ? 0 : group,
                                   out->zero.has_value());
  if (!groups) {
    return bad_tensor(packed.name, "has groups of " + std::to_string(group) + ", expected a multiple of 32");
  }
  out->groups = *groups;
  MOTE_TRY(parts.finish(*out, groups->codec, shape));
  return out;
}

}  // namespace mote::formats
