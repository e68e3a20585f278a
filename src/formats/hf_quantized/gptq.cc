// GPTQ as GPTQModel and AutoGPTQ write it: qweight I32 [in * b / 32, out], the codes of an output one stream
// of bits down its column; qzeros I32 [groups, out * b / 32], streams along the outputs; scales [groups,
// out]. Version 1 stores zero points less one.
#include <cstring>

#include "base/strings.h"
#include "codec/affine.h"
#include "codec/bit_stream.h"
#include "formats/hf_quantized/layouts.h"

namespace mote::formats {
namespace {

constexpr std::string_view kSuffix = ".qweight";

class Gptq final : public QuantizedWeight {
 public:
  [[nodiscard]] Result<void> read(const TensorSource& file, std::span<std::byte> blocks) const override {
    const codec::AffineFormat format = *codec::affine_format(groups.codec);
    MOTE_TRY(file.check());
    MOTE_ASSIGN(const std::vector<float> scales, read_scales(file, scale));
    const std::uint64_t rows = info.shape.rows();
    const std::uint64_t row_blocks = info.shape.cols() / groups.block;
    const std::uint64_t row_bytes = row_blocks * format.block_bytes();
    std::vector<std::uint8_t> zeros(rows);
    for (std::uint64_t b = 0, last = row_blocks; b < row_blocks; ++b) {
      const std::uint64_t g = groups.group_of(b);
      if (g != last) MOTE_TRY(read_zeros(file, g, zeros));
      last = g;
      for (std::uint64_t r = 0; r < rows; ++r) {
        std::byte* block = blocks.data() + r * row_bytes + b * format.block_bytes();
        std::memcpy(block, &scales[g * rows + r], sizeof(float));
        if (format.asymmetric) block[4] = static_cast<std::byte>(zeros[r]);
      }
    }
    // A block's codes are whole words: 32 divides its elements.
    const std::span<const std::byte> words = file.stored(codes);
    const std::uint64_t block_words = groups.block * format.bits / 32;
    for (std::uint64_t w = 0; w < row_blocks * block_words; ++w) {
      const std::uint64_t at = w / block_words * format.block_bytes() + format.header_bytes() +
                               w % block_words * sizeof(std::uint32_t);
      for (std::uint64_t r = 0; r < rows; ++r) {
        std::memcpy(blocks.data() + r * row_bytes + at, words.data() + (w * rows + r) * sizeof(std::uint32_t),
                    sizeof(std::uint32_t));
      }
    }
    return {};
  }

  QuantConfig config;
  BlockGroups groups{};
  std::size_t codes = 0;
  std::size_t scale = 0;
  std::size_t zero = 0;

 private:
  // Of group g, for all rows.
  [[nodiscard]] Result<void> read_zeros(const TensorSource& file, std::uint64_t g,
                                        std::vector<std::uint8_t>& zeros) const {
    const std::uint64_t bytes = zeros.size() * config.bits / 8;
    codec::unpack_stream(config.bits, file.stored(zero).data() + g * bytes, zeros.data(), zeros.size());
    const int middle = 1 << (config.bits - 1);
    for (std::uint8_t& z : zeros) {
      const int value = z + (config.zero_less_one ? 1 : 0);
      if (config.symmetric && value != middle) {
        return bad_tensor(file.tensors()[zero].name, "has a zero point of " + std::to_string(value) +
                                                         ", where quantization_config says sym, which is " +
                                                         std::to_string(middle));
      }
      if (value > 255) return bad_tensor(file.tensors()[zero].name, "has a zero point of 256");
      z = static_cast<std::uint8_t>(value);
    }
    return {};
  }
};

}  // namespace

FoundWeight find_gptq(const TensorSource& file, const QuantConfig& config, std::size_t index) {
  const TensorInfo& packed = file.tensors()[index];
  if (!packed.name.ends_with(kSuffix)) return nullptr;
  WeightParts parts(file, packed.name.substr(0, packed.name.size() - kSuffix.size()));
  auto out = std::make_unique<Gptq>();
  out->config = config;
  MOTE_ASSIGN(out->codes, parts.need("qweight", {"I32"}, {}));
  const Shape& words = packed.shape;
  const auto in_bits = words.rank() == 2 ? (Checked(words[0]) * 32).value() : std::nullopt;
  if (!in_bits || *in_bits % (std::uint64_t{config.bits} * 32) != 0 || words[1] % 32 != 0) {
    return bad_tensor(packed.name, "has shape " + to_string(words) + ", which is not [in * " +
                                       std::to_string(config.bits) + " / 32, out] of multiples of 32");
  }
  const std::uint64_t cols = *in_bits / config.bits;
  const std::uint64_t rows = words[1];
  const std::uint64_t group = config.group == 0 || config.group > cols ? cols : config.group;
  const std::uint64_t count = (cols + group - 1) / group;
  MOTE_ASSIGN(out->scale, parts.need("scales", {"F16", "BF16", "F32"}, {Shape{count, rows}}));
  MOTE_ASSIGN(out->zero, parts.need("qzeros", {"I32"}, {Shape{count, rows / 32 * config.bits}}));
  if (const auto order = parts.find("g_idx"); order) {
    MOTE_TRY(parts.check(*order, {"I32"}, {Shape{cols}}));
    MOTE_TRY(file.check());
    if (!is_plain_order(file.stored(*order), group)) {
      return Error{kFormatQuantized,
                   "tensor \"" + escape_untrusted(packed.name, 80) +
                       "\" has its groups in the order of activations (desc_act)",
                   "mote reads groups of neighbours; quantize with desc_act false", "", std::nullopt};
    }
  }
  const auto groups = block_groups(config.bits, cols, count == 1 ? 0 : group, !config.symmetric);
  if (!groups) {
    return bad_tensor(packed.name, "has groups of " + std::to_string(group) + ", expected a multiple of 32");
  }
  out->groups = *groups;
  MOTE_TRY(parts.finish(*out, groups->codec, Shape{rows, cols}));
  return out;
}

}  // namespace mote::formats
