#include "model/canonical.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/checked.h"
#include "base/strings.h"
#include "codec/codec.h"
#include "model/hf_names.h"
#include "model/row_order.h"
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

// Leading dimensions of 1 do not count: GGUF drops them, Hugging Face keeps some.
bool same_shape(const Shape& a, const Shape& b) {
  std::span<const std::uint64_t> x = a.dims();
  std::span<const std::uint64_t> y = b.dims();
  while (x.size() > 1 && x.front() == 1) x = x.subspan(1);
  while (y.size() > 1 && y.front() == 1) y = y.subspan(1);
  return std::ranges::equal(x, y);
}

Result<void> check_shape(std::string_view name, const Shape& found, const Shape& expected) {
  if (same_shape(found, expected)) return {};
  return tensor_error("cannot use the model: tensor " + std::string(name) + " has shape " + to_string(found) +
                          ", expected " + to_string(expected),
                      "the tensors do not match the hyperparameters");
}

// Tensors that old exporters write beside the weights and that every reader computes itself.
bool is_derived(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attention.masked_bias") ||
         name.ends_with(".position_ids");
}

bool is_ignored(std::string_view name, const ArchEntry& arch) {
  if (name.starts_with(arch.hf_optional_prefix)) name.remove_prefix(arch.hf_optional_prefix.size());
  return std::ranges::any_of(arch.hf_ignored,
                             [&](std::string_view start) { return name.starts_with(start); });
}

Result<QuantizedTensor> owned(CodecId codec, const Shape& shape, std::uint64_t bytes, std::string_view name,
                              std::byte*& data) {
  const auto buffer = std::make_shared<AlignedBuffer>(bytes);
  if (buffer->size() != bytes) {
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

std::string with_number(std::string_view pattern, std::uint64_t number) {
  const std::size_t at = pattern.find("{}");
  if (at == std::string_view::npos) return std::string(pattern);
  std::string out(pattern.substr(0, at));
  out += std::to_string(number);
  out += pattern.substr(at + 2);
  return out;
}

// The shape of each of the tensors that make up `whole`.
Shape part_shape(const Shape& whole, const HfPlace& place) {
  if (place.name.find("{}") != std::string::npos) return Shape(whole.dims().subspan(1));
  if (place.rows == HfRows::all) return whole;
  std::vector<std::uint64_t> dims(whole.dims().begin(), whole.dims().end());
  dims[dims.size() - 2] *= 2;
  return Shape(dims);
}

// Row 2i + j of a head comes from row j * dims/2 + i; a vector has rows of one element.
void permute_rows(const std::byte* in, std::byte* out, std::uint64_t rows, std::uint64_t row_bytes,
                  std::uint64_t head_rows) {
  for (std::uint64_t row = 0; row < rows; ++row) {
    std::memcpy(out + row * row_bytes, in + hf_row_of(row, head_rows) * row_bytes, row_bytes);
  }
}

}  // namespace

Result<void> CanonicalSource::add(formats::TensorInfo info, Origin origin) {
  if (origin.to_f32) {
    info.codec = CodecId::f32;
    info.stored = StoredType::codec;
    info.file_bytes = 0;
    const auto bytes = (info.shape.element_count() * 4).value();
    if (!bytes) return tensor_error("cannot use tensor " + info.name + ": too large", "");
    info.bytes = *bytes;
  }
  by_name_.emplace(info.name, infos_.size());
  infos_.push_back(std::move(info));
  origins_.push_back(std::move(origin));
  return {};
}

Result<void> CanonicalSource::add_made(Role role, const std::vector<float>& values) {
  if (values.empty()) return {};
  Origin origin;
  origin.made = values;
  return add({.name = gguf_name(role),
              .codec = CodecId::f32,
              .shape = Shape{values.size()},
              .bytes = values.size() * 4},
             std::move(origin));
}

Result<std::unique_ptr<CanonicalSource>> CanonicalSource::from_gguf_names(const formats::TensorSource& source,
                                                                          const ModelSpec& spec) {
  std::unique_ptr<CanonicalSource> out(new CanonicalSource(source));
  const std::vector<TensorNeed> needs = needed_tensors(spec);
  std::map<std::string_view, const TensorNeed*> wanted;
  for (const TensorNeed& need : needs) {
    wanted.emplace(need.name, &need);
    const auto index = source.find(need.name);
    if (!index) return missing(need.name, need.shape);
    MOTE_TRY(check_shape(need.name, source.tensors()[*index].shape, need.shape));
    MOTE_TRY(formats::check_is_weight(source.tensors()[*index]));
  }
  const auto is_rope = [](std::string_view name) {
    return name == gguf_name(Role::rope_freqs) || name == gguf_name(Role::rope_short) ||
           name == gguf_name(Role::rope_long);
  };
  for (std::size_t i = 0; i < source.tensors().size(); ++i) {
    formats::TensorInfo info = source.tensors()[i];
    // "NAME.scale" is the factor of all values of "NAME.weight" (NVFP4).
    std::string weight = info.name;
    if (weight.ends_with(".scale")) weight.replace(weight.size() - 5, 5, "weight");
    const auto it = wanted.find(weight);
    if (it == wanted.end() && !is_rope(info.name)) {
      return tensor_error("cannot use the model: tensor " + escape_untrusted(info.name, 64) +
                              " has no place in architecture " + spec.architecture,
                          "the model differs from its architecture in a way that mote does not know");
    }
    if (it != wanted.end() && it->first == info.name) info.shape = it->second->shape;
    Origin origin;
    origin.parts = {{.index = i, .first_byte = 0, .bytes = info.bytes}};
    origin.to_f32 = info.shape.rank() < 2 && info.codec != CodecId::f32;
    MOTE_TRY(out->add(std::move(info), std::move(origin)));
  }
  return out;
}

Result<void> CanonicalSource::add_hf(const TensorNeed& need, const ModelSpec& spec, const ArchEntry& arch,
                                     std::vector<bool>& used) {
  const auto find_name = [&](const std::string& name) {
    const auto plain = source_->find(name);
    if (plain || arch.hf_optional_prefix.empty()) return plain;
    return source_->find(std::string(arch.hf_optional_prefix) + name);
  };
  const std::vector<HfPlace> places = hf_places(arch, need.role, need.block, need.bias);
  const auto there = std::ranges::find_if(
      places, [&](const HfPlace& p) { return find_name(with_number(p.name, 0)).has_value(); });
  if (there == places.end()) {
    return missing(places.empty() ? need.name : with_number(places.front().name, 0), need.shape);
  }
  const HfPlace& place = *there;
  const Shape expected = part_shape(need.shape, place);
  const bool numbered = place.name.find("{}") != std::string::npos;
  const std::uint64_t count = numbered ? need.shape[0] : 1;
  Origin origin;
  formats::TensorInfo out{.name = need.name, .codec = CodecId::f32, .shape = need.shape, .bytes = 0};
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string name = with_number(place.name, i);
    const auto index = find_name(name);
    if (!index) return missing(name, expected);
    const formats::TensorInfo& info = source_->tensors()[*index];
    MOTE_TRY(check_shape(name, info.shape, expected));
    MOTE_TRY(formats::check_is_weight(info));
    if (i > 0 && info.codec != out.codec) {
      return tensor_error("cannot use the model: tensor " + name + " has another type than its neighbours",
                          "");
    }
    used[*index] = true;
    out.codec = info.codec;
    out.stored = info.stored;
    out.file_bytes += info.file_bytes;
    if (place.rows == HfRows::all) {
      origin.parts.push_back({.index = *index, .first_byte = 0, .bytes = info.bytes});
    } else {  // half the rows of each matrix of the stack
      const std::uint64_t matrices = expected.rank() == 3 ? expected[0] : 1;
      const std::uint64_t half = info.bytes / matrices / 2;
      const std::uint64_t skip = place.rows == HfRows::first_half ? 0 : half;
      for (std::uint64_t m = 0; m < matrices; ++m) {
        origin.parts.push_back({.index = *index, .first_byte = 2 * m * half + skip, .bytes = half});
      }
    }
  }
  Checked total;
  for (const Part& part : origin.parts) total = total + part.bytes;
  if (!total.valid()) return tensor_error("cannot use tensor " + need.name + ": too large", "");
  out.bytes = *total.value();
  origin.to_f32 = (need.shape.rank() < 2 || is_kept_float(need.role)) && out.codec != CodecId::f32;
  origin.add_one = arch.norm_offset && need.name.ends_with("norm.weight");
  if (arch.permute_qk) {
    if (need.role == Role::attn_q) origin.permute_heads = spec.heads;
    if (need.role == Role::attn_k) origin.permute_heads = spec.kv_heads;
  }
  if (origin.add_one && out.codec != CodecId::f32) origin.to_f32 = true;
  return add(std::move(out), std::move(origin));
}

Result<std::unique_ptr<CanonicalSource>> CanonicalSource::from_hf_names(const formats::TensorSource& source,
                                                                        const ModelSpec& spec,
                                                                        const ArchEntry& arch) {
  std::unique_ptr<CanonicalSource> out(new CanonicalSource(source));
  if (arch.permute_qk && spec.rope.dims != spec.head_dim) {
    return Error{.code = kModelHparam,
                 .message = "cannot use config.json: partial_rotary_factor gives " +
                            std::to_string(spec.rope.dims) + " of " + std::to_string(spec.head_dim) +
                            " elements, expected all of them",
                 .hint = "rows of q and k can only be put in GGUF's order where whole heads turn",
                 .file = {},
                 .byte_position = {}};
  }
  MOTE_TRY(out->add_made(Role::rope_freqs, spec.rope.divisors));
  MOTE_TRY(out->add_made(Role::rope_long, spec.rope.long_divisors));
  MOTE_TRY(out->add_made(Role::rope_short, spec.rope.short_divisors));
  std::vector<bool> used(source.tensors().size(), false);
  for (const TensorNeed& need : needed_tensors(spec)) MOTE_TRY(out->add_hf(need, spec, arch, used));
  // A tied model's folder may hold the head a second time; transformers ignores it too.
  if (spec.tied_head) {
    for (const HfPlace& place : hf_places(arch, Role::output, 0)) {
      if (const auto head = source.find(place.name); head) used[*head] = true;
    }
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    const std::string& name = source.tensors()[i].name;
    if (used[i] || is_derived(name) || is_ignored(name, arch)) continue;
    return tensor_error("cannot use the model: tensor " + escape_untrusted(name, 80) +
                            " has no place in architecture " + spec.architecture,
                        "the model differs from its config.json in a way that mote does not know");
  }
  return out;
}

std::optional<std::size_t> CanonicalSource::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return std::nullopt;
  return it->second;
}

// The parts one after another, in F32 where wanted.
Result<QuantizedTensor> CanonicalSource::gather(const formats::TensorInfo& info, const Origin& origin) const {
  std::byte* data = nullptr;
  MOTE_ASSIGN(QuantizedTensor out, owned(info.codec, info.shape, info.bytes, info.name, data));
  for (const Part& part : origin.parts) {
    MOTE_ASSIGN(const QuantizedTensor tensor, source_->read(part.index));
    const std::byte* from = tensor.blocks().data() + part.first_byte;
    if (origin.to_f32) {
      const codec::Codec& codec = codec::codec_of(tensor.codec);
      const std::uint64_t blocks = part.bytes / codec.block_bytes;
      codec.decode(from, reinterpret_cast<float*>(data), blocks);
      data += blocks * codec.block_elements * sizeof(float);
    } else {
      std::memcpy(data, from, part.bytes);
      data += part.bytes;
    }
  }
  return out;
}

Result<QuantizedTensor> CanonicalSource::read(std::size_t index) const {
  const formats::TensorInfo& info = infos_[index];
  const Origin& origin = origins_[index];
  std::byte* data = nullptr;
  if (origin.parts.empty()) {
    MOTE_ASSIGN(QuantizedTensor out, owned(CodecId::f32, info.shape, info.bytes, info.name, data));
    std::memcpy(data, origin.made.data(), info.bytes);
    return out;
  }
  QuantizedTensor tensor;
  if (origin.parts.size() == 1 && !origin.to_f32 && !origin.add_one) {
    const Part& part = origin.parts[0];
    MOTE_ASSIGN(tensor, source_->read(part.index));
    tensor.planes = {tensor.blocks().subspan(part.first_byte, part.bytes)};
    tensor.shape = info.shape;
  } else {
    MOTE_ASSIGN(tensor, gather(info, origin));
  }
  if (origin.add_one) {
    // gather() made these bytes, so they are ours to change.
    auto* values = const_cast<float*>(reinterpret_cast<const float*>(tensor.blocks().data()));
    for (std::uint64_t i = 0; i < info.bytes / sizeof(float); ++i) values[i] += 1.0F;
  }
  if (origin.permute_heads == 0) return tensor;
  const std::uint64_t bytes = tensor.blocks().size();
  const std::uint64_t rows = tensor.shape.rank() < 2 ? tensor.shape.cols() : tensor.shape.rows();
  MOTE_ASSIGN(QuantizedTensor out, owned(tensor.codec, info.shape, bytes, info.name, data));
  permute_rows(tensor.blocks().data(), data, rows, bytes / rows, rows / origin.permute_heads);
  return out;
}

}  // namespace mote::model
