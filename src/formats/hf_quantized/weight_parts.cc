#include "formats/hf_quantized/weight_parts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "base/strings.h"
#include "codec/affine.h"
#include "codec/codec.h"

namespace mote::formats {
namespace {

std::span<const std::uint64_t> without_ones(const Shape& shape) {
  std::span<const std::uint64_t> dims = shape.dims();
  while (dims.size() > 1 && dims.front() == 1) dims = dims.subspan(1);
  return dims;
}

bool same_shape(const Shape& a, const Shape& b) {
  return std::ranges::equal(without_ones(a), without_ones(b));
}

}  // namespace

Error bad_tensor(std::string_view name, std::string_view what) {
  return {kQuantizedTensor, "tensor \"" + escape_untrusted(name, 80) + "\" " + std::string(what),
          "the folder is damaged, or its quantization_config is another model's", "", std::nullopt};
}

std::optional<std::size_t> WeightParts::find(std::string_view suffix) {
  const auto index = file_.find(base_ + "." + std::string(suffix));
  if (index) found_.push_back(*index);
  return index;
}

Result<std::size_t> WeightParts::need(std::string_view suffix, std::initializer_list<std::string_view> types,
                                      std::initializer_list<Shape> shapes) {
  const auto index = find(suffix);
  if (!index) return bad_tensor(base_ + "." + std::string(suffix), "is missing");
  MOTE_TRY(check(*index, types, shapes));
  return *index;
}

Result<void> WeightParts::check(std::size_t index, std::initializer_list<std::string_view> types,
                                std::initializer_list<Shape> shapes) const {
  const TensorInfo& tensor = info(index);
  if (std::ranges::find(types, type_name(tensor)) == types.end()) {
    return bad_tensor(tensor.name, "is " + std::string(type_name(tensor)) + ", expected " +
                                       join(std::vector<std::string>(types.begin(), types.end()), " or "));
  }
  if (shapes.size() == 0) return {};
  for (const Shape& shape : shapes) {
    if (same_shape(tensor.shape, shape)) return {};
  }
  std::vector<std::string> wanted;
  for (const Shape& shape : shapes) wanted.push_back(to_string(shape));
  return bad_tensor(tensor.name,
                    "has shape " + to_string(tensor.shape) + ", expected " + join(wanted, " or "));
}

Result<void> WeightParts::finish(QuantizedWeight& weight, CodecId id, const Shape& shape) const {
  const codec::Codec& codec = codec::codec_of(id);
  const auto bytes = codec::tensor_bytes(codec, shape).value();
  if (!bytes) {
    return bad_tensor(base_ + ".weight", "has rows of " + with_thousands(shape.cols()) +
                                             ", which are no multiple of " +
                                             std::to_string(codec.block_elements) + ", or is too large");
  }
  weight.info.name = base_ + ".weight";
  weight.info.codec = id;
  weight.info.shape = shape;
  weight.info.bytes = *bytes;
  weight.parts = found_;
  Checked in_file;
  for (const std::size_t part : found_) in_file = in_file + stored_bytes(info(part));
  weight.info.file_bytes = in_file.value().value_or(0);
  return {};
}

Result<std::vector<float>> read_scales(const TensorSource& file, std::size_t index) {
  MOTE_ASSIGN(const QuantizedTensor tensor, file.read(index));
  const codec::Codec& codec = codec::codec_of(tensor.codec);
  std::vector<float> out(tensor.blocks().size() / codec.block_bytes);
  codec.decode(tensor.blocks().data(), out.data(), out.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!std::isfinite(out[i]))
      return bad_tensor(file.tensors()[index].name,
                        "has an infinity or NaN at element " + with_thousands(i) + ", expected scales");
  }
  return out;
}

std::uint32_t word_at(std::span<const std::byte> bytes, std::size_t index) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + index * sizeof word, sizeof word);
  return word;
}

std::optional<BlockGroups> block_groups(unsigned bits, std::uint64_t cols, std::uint64_t group,
                                        bool asymmetric) {
  if (group == 0 || group >= cols) {
    const auto codec = codec::find_affine(bits, 0, asymmetric);
    if (!codec || cols == 0 || cols % 32 != 0) return std::nullopt;
    // A row that is one group of a usual size is that group.
    if (const auto whole = codec::find_affine(bits, cols, asymmetric)) return BlockGroups{*whole, cols, cols};
    return BlockGroups{*codec, 32, cols};
  }
  for (const std::uint64_t block : {128U, 64U, 32U}) {
    if (group % block != 0 || cols % block != 0) continue;
    const auto codec = codec::find_affine(bits, block, asymmetric);
    if (codec) return BlockGroups{*codec, block, group};
  }
  return std::nullopt;
}

bool is_plain_order(std::span<const std::byte> g_idx, std::uint64_t group) {
  for (std::size_t i = 0; i < g_idx.size() / sizeof(std::uint32_t); ++i) {
    if (word_at(g_idx, i) != i / group) return false;
  }
  return true;
}

}  // namespace mote::formats
