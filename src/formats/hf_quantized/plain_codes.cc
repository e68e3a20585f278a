// compressed-tensors, int-quantized and float-quantized: a byte for each weight, [out, in], under scales of
// groups, rows or the whole tensor.
#include <cstring>

#include "codec/affine.h"
#include "codec/fp8.h"
#include "formats/hf_quantized/layouts.h"

namespace mote::formats {
namespace {

constexpr std::string_view kSuffix = ".weight";

class PlainCodes final : public QuantizedWeight {
 public:
  [[nodiscard]] Result<void> read(const TensorSource& file, std::span<std::byte> blocks) const override {
    MOTE_TRY(file.check());
    MOTE_ASSIGN(const std::vector<float> scales, read_scales(file, scale));
    const std::span<const std::byte> bytes = file.stored(codes);
    const std::uint64_t rows = info.shape.rows();
    const std::uint64_t cols = info.shape.cols();
    const std::uint64_t header = asymmetric ? 5 : 4;
    std::byte* out = blocks.data();
    for (std::uint64_t r = 0; r < rows; ++r) {
      for (std::uint64_t b = 0; b < cols / block; ++b, out += header + block) {
        const std::uint64_t s = one_scale ? 0 : r * group_count + b * block / (cols / group_count);
        std::memcpy(out, &scales[s], sizeof(float));
        const std::byte* from = bytes.data() + r * cols + b * block;
        if (is_float) {
          std::memcpy(out + header, from, block);
          continue;
        }
        if (asymmetric) out[4] = file.stored(*zero)[s] ^ std::byte{0x80};
        // Signed bytes plus 128.
        for (std::uint64_t i = 0; i < block; ++i) out[header + i] = from[i] ^ std::byte{0x80};
      }
    }
    return {};
  }

  std::uint64_t block = 32;
  std::uint64_t group_count = 1;  // of a row
  bool one_scale = false;         // for the whole tensor
  bool is_float = false;
  bool asymmetric = false;
  std::size_t codes = 0;
  std::size_t scale = 0;
  std::optional<std::size_t> zero;
};

}  // namespace

FoundWeight find_plain_codes(const TensorSource& file, std::size_t index) {
  const TensorInfo& weight = file.tensors()[index];
  const bool is_float = weight.stored == StoredType::f8_e4m3;
  if (!weight.name.ends_with(kSuffix) || (!is_float && weight.stored != StoredType::i8)) return nullptr;
  WeightParts parts(file, weight.name.substr(0, weight.name.size() - kSuffix.size()));
  if (!file.find(weight.name + "_scale")) return nullptr;
  auto out = std::make_unique<PlainCodes>();
  out->is_float = is_float;
  MOTE_ASSIGN(out->codes, parts.need("weight", {"I8", "F8_E4M3"}, {}));
  const Shape& shape = weight.shape;
  if (shape.rank() != 2) {
    return bad_tensor(weight.name, "has shape " + to_string(shape) + ", expected a matrix");
  }
  const std::uint64_t rows = shape.rows();
  const std::uint64_t cols = shape.cols();
  MOTE_ASSIGN(out->scale, parts.need("weight_scale", {"F32", "F16", "BF16"}, {}));
  const Shape& scales = parts.info(out->scale).shape;
  const std::uint64_t count = scales.element_count().value().value_or(0);
  out->one_scale = count == 1 && rows != 1;
  out->group_count = out->one_scale ? 1 : count % rows == 0 ? count / rows : 0;
  if (out->group_count == 0 || cols % out->group_count != 0 || (!out->one_scale && scales[0] != rows)) {
    return bad_tensor(parts.info(out->scale).name,
                      "has shape " + to_string(scales) + " for a weight " + to_string(shape) +
                          ", expected one for the tensor, for each row or for each group");
  }
  out->zero = parts.find("weight_zero_point");
  if (out->zero) {
    MOTE_TRY(parts.check(*out->zero, {is_float ? "F8_E4M3" : "I8"}, {scales}));
    out->asymmetric = !is_float;  // floats are symmetric: what stands there is zeros
  }
  const std::uint64_t group = out->group_count == 1 ? 0 : cols / out->group_count;
  CodecId codec = CodecId::fp8;
  if (!is_float) {
    const auto groups = block_groups(8, cols, group, out->asymmetric);
    if (!groups) {
      return bad_tensor(weight.name, "has rows of " + std::to_string(cols) + " in groups of " +
                                         std::to_string(group == 0 ? cols : group) +
                                         ", expected multiples of 32");
    }
    codec = groups->codec;
    out->block = groups->block;
  } else if (group % 32 != 0) {
    return bad_tensor(weight.name, "has groups of " + std::to_string(group) + ", expected a multiple of 32");
  }
  MOTE_TRY(parts.finish(*out, codec, shape));
  return out;
}

}  // namespace mote::formats
