#include "model/canonical.h"

#include <cstring>
#include <memory>

#include "codec/codec.h"
#include "model/arch.h"
#include "tensor/aligned_buffer.h"

namespace mote::model {
namespace {

Error tensor_error(std::string message, std::string hint) {
  return {.code = kModelTensor,
          .message = std::move(message),
          .hint = std::move(hint),
          .file = {},
          .byte_position = {}};
}

Error missing(std::string_view name, const Shape& shape) {
  return tensor_error(
      "cannot use the model: tensor " + std::string(name) + " " + to_string(shape) + " is missing",
      "the file is incomplete, or its architecture entry does not match its tensors");
}

Result<void> check_shape(std::string_view name, const Shape& found, const Shape& expected) {
  if (found == expected) return {};
  return tensor_error("cannot use the model: tensor " + std::string(name) + " has shape " + to_string(found) +
                          ", expected " + to_string(expected),
                      "the tensors do not match the hyperparameters");
}

// Tensors that old exporters write beside the weights and that every reader computes itself.
bool is_derived(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attention.masked_bias") ||
         name.ends_with(".position_ids");
}

std::shared_ptr<AlignedBuffer> make_buffer(std::uint64_t bytes) {
  auto buffer = std::make_shared<AlignedBuffer>(bytes);
  return buffer->size() == bytes ? buffer : nullptr;
}

Result<QuantizedTensor> owned(CodecId codec, const Shape& shape, std::uint64_t bytes, std::string_view name,
                              std::byte*& data) {
  const auto buffer = make_buffer(bytes);
  if (buffer == nullptr) {
    return Error{.code = kOutOfMemory,
                 .message = "cannot read tensor " + std::string(name) + ": no memory for " +
                            std::to_string(bytes) + " bytes",
                 .hint = "free memory or use a smaller model",
                 .file = {},
                 .byte_position = {}};
  }
  data = buffer->data();
  QuantizedTensor out;
  out.codec = codec;
  out.shape = shape;
  out.planes = {std::span<const std::byte>(buffer->data(), bytes)};
  out.owner = buffer;
  return out;
}

}  // namespace

Result<void> CanonicalSource::add(formats::TensorInfo info, const Origin& origin) {
  if (origin.to_f32) {
    info.codec = CodecId::f32;
    info.stored = StoredType::codec;
    const auto bytes = (info.shape.element_count() * 4).value();
    if (!bytes) return tensor_error("cannot use tensor " + info.name + ": too large", "");
    info.bytes = *bytes;
  }
  by_name_.emplace(info.name, infos_.size());
  infos_.push_back(std::move(info));
  origins_.push_back(origin);
  return {};
}

Result<std::unique_ptr<CanonicalSource>> CanonicalSource::from_gguf_names(const formats::TensorSource& source,
                                                                          const ModelSpec& spec) {
  std::unique_ptr<CanonicalSource> out(new CanonicalSource(source));
  std::unordered_map<std::string_view, const TensorNeed*> wanted;
  const std::vector<TensorNeed> needs = needed_tensors(spec);
  for (const TensorNeed& need : needs) {
    wanted.emplace(need.name, &need);
    const auto index = source.find(need.name);
    if (!index) return missing(need.name, need.shape);
    MOTE_TRY(check_shape(need.name, source.tensors()[*index].shape, need.shape));
    MOTE_TRY(formats::check_is_weight(source.tensors()[*index]));
  }
  for (std::size_t i = 0; i < source.tensors().size(); ++i) {
    const formats::TensorInfo& info = source.tensors()[i];
    // "NAME.scale" is the factor of all values of "NAME.weight" (NVFP4).
    std::string weight = info.name;
    if (weight.ends_with(".scale")) weight.replace(weight.size() - 5, 5, "weight");
    if (!wanted.contains(weight) && info.name != gguf_name(Role::rope_freqs)) {
      return tensor_error("cannot use the model: tensor " + escape_untrusted(info.name, 64) +
                              " has no place in architecture " + spec.architecture,
                          "the model differs from its architecture in a way that mote does not know");
    }
    MOTE_TRY(out->add(
        info,
        {.index = i, .permute_heads = 0, .to_f32 = info.shape.rank() < 2 && info.codec != CodecId::f32}));
  }
  return out;
}

Result<std::unique_ptr<CanonicalSource>> CanonicalSource::from_hf_names(const formats::TensorSource& source,
                                                                        const ModelSpec& spec,
                                                                        bool permute_qk) {
  std::unique_ptr<CanonicalSource> out(new CanonicalSource(source));
  if (permute_qk && spec.rope.dims != spec.head_dim) {
    return Error{.code = kModelHparam,
                 .message = "cannot use config.json: partial_rotary_factor gives " +
                            std::to_string(spec.rope.dims) + " of " + std::to_string(spec.head_dim) +
                            " elements, expected all of them",
                 .hint = "rows of q and k can only be put in GGUF's order where whole heads turn",
                 .file = {},
                 .byte_position = {}};
  }
  if (!spec.rope.divisors.empty()) {
    out->divisors_ = spec.rope.divisors;
    const Shape shape{spec.rope.divisors.size()};
    MOTE_TRY(out->add({.name = gguf_name(Role::rope_freqs),
                       .codec = CodecId::f32,
                       .shape = shape,
                       .bytes = spec.rope.divisors.size() * 4,
                       .stored = {}},
                      {}));
  }
  std::vector<bool> used(source.tensors().size(), false);
  for (const TensorNeed& need : needed_tensors(spec)) {
    const std::string name = hf_name(need.role, need.block);
    const auto index = source.find(name);
    if (!index) return missing(name, need.shape);
    const formats::TensorInfo& info = source.tensors()[*index];
    MOTE_TRY(check_shape(name, info.shape, need.shape));
    MOTE_TRY(formats::check_is_weight(info));
    used[*index] = true;
    Origin origin{
        .index = *index, .permute_heads = 0, .to_f32 = info.shape.rank() < 2 && info.codec != CodecId::f32};
    if (permute_qk) {
      if (need.role == Role::attn_q || need.role == Role::attn_q_bias) origin.permute_heads = spec.heads;
      if (need.role == Role::attn_k || need.role == Role::attn_k_bias) origin.permute_heads = spec.kv_heads;
    }
    MOTE_TRY(out->add({.name = need.name,
                       .codec = info.codec,
                       .shape = info.shape,
                       .bytes = info.bytes,
                       .stored = info.stored},
                      origin));
  }
  // A tied model's folder may hold the head a second time; transformers ignores it too.
  if (spec.tied_head) {
    if (const auto head = source.find(hf_name(Role::output)); head) used[*head] = true;
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    const std::string& name = source.tensors()[i].name;
    if (used[i] || is_derived(name)) continue;
    return tensor_error("cannot use the model: tensor " + escape_untrusted(name, 80) +
                            " has no place in architecture " + spec.architecture,
                        "the model differs from its config.json in a way that mote does not know");
  }
  return out;
}

std::optional<std::size_t> CanonicalSource::find(std::string_view name) const {
  const auto it = by_name_.find(std::string(name));
  if (it == by_name_.end()) return std::nullopt;
  return it->second;
}

Result<QuantizedTensor> CanonicalSource::read(std::size_t index) const {
  const formats::TensorInfo& info = infos_[index];
  const Origin& origin = origins_[index];
  std::byte* data = nullptr;
  if (origin.index == kMade) {
    MOTE_ASSIGN(QuantizedTensor out, owned(CodecId::f32, info.shape, info.bytes, info.name, data));
    std::memcpy(data, divisors_.data(), info.bytes);
    return out;
  }
  MOTE_ASSIGN(QuantizedTensor tensor, source_->read(origin.index));
  if (origin.to_f32) {
    MOTE_ASSIGN(QuantizedTensor out, owned(CodecId::f32, info.shape, info.bytes, info.name, data));
    const codec::Codec& from = codec::codec_of(tensor.codec);
    from.decode(tensor.blocks().data(), reinterpret_cast<float*>(data), info.bytes / 4 / from.block_elements);
    tensor = std::move(out);
  }
  if (origin.permute_heads == 0) return tensor;

  // Row 2i + j of a head comes from row j * dims/2 + i; a bias has rows of one element.
  const std::uint64_t bytes = tensor.blocks().size();
  const std::uint64_t rows = tensor.shape.rank() < 2 ? tensor.shape.cols() : tensor.shape.rows();
  const std::uint64_t row_bytes = bytes / rows;
  const std::uint64_t head_rows = rows / origin.permute_heads;
  MOTE_ASSIGN(QuantizedTensor out, owned(tensor.codec, info.shape, bytes, info.name, data));
  for (std::uint64_t row = 0; row < rows; ++row) {
    const std::uint64_t in_head = row % head_rows;
    const std::uint64_t from = row - in_head + (in_head % 2) * (head_rows / 2) + in_head / 2;
    std::memcpy(data + row * row_bytes, tensor.blocks().data() + from * row_bytes, row_bytes);
  }
  return out;
}

}  // namespace mote::model
