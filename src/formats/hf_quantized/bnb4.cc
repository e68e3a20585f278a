// bitsandbytes of 4 bit: X.weight U8 [out * in / 2, 1], two codes a byte, first in the high nibble; absmax
// for every 64 weights in X.weight.absmax, or, doubly quantized, a byte for each in a table of 256 values
// under nested_absmax for every 256 of them, plus an offset. What is what stands as JSON in
// X.weight.quant_state.bitsandbytes__nf4 (or __fp4).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "base/json.h"
#include "base/strings.h"
#include "codec/table4.h"
#include "formats/hf_quantized/layouts.h"

namespace mote::formats {
namespace {

constexpr std::string_view kSuffix = ".weight";
constexpr std::uint64_t kBlock = 64;
constexpr std::uint64_t kNestedBlock = 256;

class Bnb4 final : public QuantizedWeight {
 public:
  [[nodiscard]] Result<void> read(const TensorSource& file, std::span<std::byte> blocks) const override {
    MOTE_TRY(file.check());
    MOTE_ASSIGN(const std::vector<float> scales, absmax_of(file));
    const std::span<const std::byte> bytes = file.stored(codes);
    std::byte* out = blocks.data();
    for (std::size_t b = 0; b < scales.size(); ++b, out += sizeof(codec::BlockTable4)) {
      std::memcpy(out, &scales[b], sizeof(float));
      std::memcpy(out + sizeof(float), bytes.data() + b * kBlock / 2, kBlock / 2);
    }
    return {};
  }

  std::size_t codes = 0;
  std::size_t absmax = 0;
  bool nested = false;
  std::size_t nested_absmax = 0;
  std::size_t nested_map = 0;
  float offset = 0.0F;

 private:
  [[nodiscard]] Result<std::vector<float>> absmax_of(const TensorSource& file) const {
    if (!nested) return read_scales(file, absmax);
    MOTE_ASSIGN(const std::vector<float> outer, read_scales(file, nested_absmax));
    MOTE_ASSIGN(const std::vector<float> map, read_scales(file, nested_map));
    const std::span<const std::byte> bytes = file.stored(absmax);
    std::vector<float> out(bytes.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = map[std::to_integer<std::size_t>(bytes[i])] * outer[i / kNestedBlock] + offset;
    }
    return out;
  }
};

// JSON in a tensor of bytes.
Result<Json> quant_state(const TensorSource& file, std::size_t index) {
  constexpr std::uint64_t kMostBytes = 65'536;
  const std::span<const std::byte> bytes = file.stored(index);
  if (bytes.size() > kMostBytes)
    return bad_tensor(file.tensors()[index].name, "is too long for a description");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  auto json = is_valid_utf8(text) ? parse_json(text, {kMostBytes, 8, 1024}) : Result<Json>(Json());
  if (!json || !json->is_object()) return bad_tensor(file.tensors()[index].name, "is no JSON object");
  return std::move(*json);
}

std::optional<std::uint64_t> uint_of(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value == nullptr ? std::nullopt : value->as_uint64();
}

Result<Shape> weight_shape(const Json& state, std::string_view name) {
  const Json* value = state.find("shape");
  const JsonArray* dims = value == nullptr ? nullptr : value->if_array();
  const auto rows = dims != nullptr && dims->size() == 2 ? (*dims)[0].as_uint64() : std::nullopt;
  const auto cols = rows ? (*dims)[1].as_uint64() : std::nullopt;
  if (!cols || *rows == 0 || *cols == 0) return bad_tensor(name, "gives no shape [out, in]");
  return Shape{*rows, *cols};
}

}  // namespace

FoundWeight find_bnb4(const TensorSource& file, std::size_t index) {
  const TensorInfo& weight = file.tensors()[index];
  if (!weight.name.ends_with(kSuffix) || weight.stored != StoredType::u8) return nullptr;
  WeightParts parts(file, weight.name.substr(0, weight.name.size() - kSuffix.size()));
  auto out = std::make_unique<Bnb4>();
  auto description = parts.find("weight.quant_state.bitsandbytes__nf4");
  const bool is_nf4 = description.has_value();
  if (!description) description = parts.find("weight.quant_state.bitsandbytes__fp4");
  if (!description)
    return bad_tensor(weight.name + ".quant_state.bitsandbytes__nf4", "(or __fp4) is missing");
  const std::string& name = file.tensors()[*description].name;
  MOTE_TRY(parts.check(*description, {"U8"}, {}));
  MOTE_TRY(file.check());
  MOTE_ASSIGN(const Json state, quant_state(file, *description));
  MOTE_ASSIGN(const Shape shape, weight_shape(state, name));
  if (uint_of(state, "blocksize") != kBlock)
    return bad_tensor(name, "has a blocksize other than 64, which mote reads");
  const auto elements = shape.element_count().value();
  if (!elements || shape.cols() % kBlock != 0) {
    return bad_tensor(name, "gives the shape " + to_string(shape) + "; rows of a multiple of 64 are read");
  }
  MOTE_ASSIGN(out->codes, parts.need("weight", {"U8"}, {Shape{*elements / 2, 1}, Shape{*elements / 2}}));
  const std::uint64_t blocks = *elements / kBlock;
  MOTE_ASSIGN(const std::size_t map, parts.need("weight.quant_map", {"F32"}, {Shape{16}}));
  const auto& table = is_nf4 ? codec::kNf4Values : codec::kFp4TableValues;
  MOTE_ASSIGN(const std::vector<float> found, read_scales(file, map));
  if (!std::ranges::equal(found, table))
    return bad_tensor(file.tensors()[map].name,
                      std::string("is another table than that of ") + (is_nf4 ? "nf4" : "fp4"));
  out->nested = parts.find("weight.nested_absmax").has_value();
  if (!out->nested) {
    MOTE_ASSIGN(out->absmax, parts.need("weight.absmax", {"F32"}, {Shape{blocks}}));
  } else {
    MOTE_ASSIGN(out->absmax, parts.need("weight.absmax", {"U8"}, {Shape{blocks}}));
    const std::uint64_t outer = (blocks + kNestedBlock - 1) / kNestedBlock;
    MOTE_ASSIGN(out->nested_absmax, parts.need("weight.nested_absmax", {"F32"}, {Shape{outer}}));
    MOTE_ASSIGN(out->nested_map, parts.need("weight.nested_quant_map", {"F32"}, {Shape{256}}));
    if (uint_of(state, "nested_blocksize") != kNestedBlock)
      return bad_tensor(name, "has a nested_blocksize other than 256, which mote reads");
    const Json* value = state.find("nested_offset");
    const auto offset = value == nullptr ? std::nullopt : value->as_double();
    if (!offset || !std::isfinite(static_cast<float>(*offset)))
      return bad_tensor(name, "gives no nested_offset");
    out->offset = static_cast<float>(*offset);
  }
  MOTE_TRY(parts.finish(*out, is_nf4 ? CodecId::nf4 : CodecId::fp4, shape));
  return out;
}

}  // namespace mote::formats
