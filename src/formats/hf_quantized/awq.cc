// AutoAWQ, GEMM: qweight I32 [in, out / 8], eight outputs of one input in a word, nibble i for output 8 c +
// order[i]; qzeros I32 [groups, out / 8] the same way, true zero points; scales [groups, out].
#include <cstring>

#include "codec/affine.h"
#include "codec/bit_stream.h"
#include "formats/hf_quantized/layouts.h"

namespace mote::formats {
namespace {

constexpr std::string_view kSuffix = ".qweight";
constexpr unsigned kBits = 4;
constexpr std::uint64_t kInWord = 8;
// The nibble of output 8 c + k.
constexpr unsigned kNibble[kInWord] = {0, 4, 1, 5, 2, 6, 3, 7};

std::uint8_t code_in(std::uint32_t word, std::uint64_t k) {
  return static_cast<std::uint8_t>((word >> (4 * kNibble[k])) & 15U);
}

class Awq final : public QuantizedWeight {
 public:
  [[nodiscard]] Result<void> read(const TensorSource& file, std::span<std::byte> blocks) const override {
    const codec::AffineFormat format = *codec::affine_format(groups.codec);
    MOTE_TRY(file.check());
    MOTE_ASSIGN(const std::vector<float> scales, read_scales(file, scale));
    const std::span<const std::byte> words = file.stored(codes);
    const std::span<const std::byte> zeros = file.stored(zero);
    const std::uint64_t rows = info.shape.rows();
    const std::uint64_t cols = info.shape.cols();
    const std::uint64_t row_words = rows / kInWord;
    const std::uint64_t row_blocks = cols / groups.block;
    std::vector<std::uint8_t> of_rows(kInWord * cols);
    for (std::uint64_t c = 0; c < row_words; ++c) {
      for (std::uint64_t i = 0; i < cols; ++i) {
        const std::uint32_t word = word_at(words, i * row_words + c);
        for (std::uint64_t k = 0; k < kInWord; ++k) of_rows[k * cols + i] = code_in(word, k);
      }
      for (std::uint64_t k = 0; k < kInWord; ++k) {
        const std::uint64_t r = c * kInWord + k;
        for (std::uint64_t b = 0; b < row_blocks; ++b) {
          const std::uint64_t g = groups.group_of(b);
          const codec::AffineScale s{scales[g * rows + r], code_in(word_at(zeros, g * row_words + c), k)};
          codec::write_affine_block(format, s, of_rows.data() + k * cols + b * groups.block,
                                    blocks.data() + (r * row_blocks + b) * format.block_bytes());
        }
      }
    }
    return {};
  }

  BlockGroups groups{};
  std::size_t codes = 0;
  std::size_t scale = 0;
  std::size_t zero = 0;
};

}  // namespace

FoundWeight find_awq(const TensorSource& file, std::size_t index) {
  const TensorInfo& packed = file.tensors()[index];
  if (!packed.name.ends_with(kSuffix)) return nullptr;
  WeightParts parts(file, packed.name.substr(0, packed.name.size() - kSuffix.size()));
  auto out = std::make_unique<Awq>();
  MOTE_ASSIGN(out->codes, parts.need("qweight", {"I32"}, {}));
  const auto rows = packed.shape.rank() == 2 ? (Checked(packed.shape[1]) * kInWord).value() : std::nullopt;
  if (!rows)
    return bad_tensor(packed.name, "has shape " + to_string(packed.shape) + ", expected [in, out / 8]");
  const std::uint64_t cols = packed.shape[0];
  MOTE_ASSIGN(out->scale, parts.need("scales", {"F16", "BF16", "F32"}, {}));
  const Shape& scales = parts.info(out->scale).shape;
  if (scales.rank() != 2 || scales[1] != *rows || cols % scales[0] != 0) {
    return bad_tensor(parts.info(out->scale).name, "has shape " + to_string(scales) + ", expected [groups, " +
                                                       std::to_string(*rows) + "]");
  }
  MOTE_ASSIGN(out->zero, parts.need("qzeros", {"I32"}, {Shape{scales[0], packed.shape[1]}}));
  const std::uint64_t group = cols / scales[0];
  const auto groups = block_groups(kBits, cols, scales[0] == 1 ? 0 : group, true);
  if (!groups) {
    return bad_tensor(packed.name, "has groups of " + std::to_string(group) + ", expected a multiple of 32");
  }
  out->groups = *groups;
  MOTE_TRY(parts.finish(*out, groups->codec, Shape{*rows, cols}));
  return out;
}

}  // namespace mote::formats
