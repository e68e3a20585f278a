#include "formats/hf_quantized/quantized_source.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "formats/hf_quantized/layouts.h"
#include "tensor/aligned_buffer.h"

namespace mote::formats {
namespace {

FoundWeight find_weight(const TensorSource& file, const QuantConfig& config, std::size_t index) {
  switch (config.layout) {
    case QuantLayout::gptq:
      return find_gptq(file, config, index);
    case QuantLayout::awq:
      return find_awq(file, index);
    case QuantLayout::bitsandbytes:
      return find_bnb4(file, index);
    case QuantLayout::compressed_tensors:
      break;
  }
  MOTE_ASSIGN(std::unique_ptr<QuantizedWeight> packed, find_packed(file, index));
  if (packed != nullptr) return packed;
  return find_plain_codes(file, index);
}

// Scales of activations and of a quantized cache: what runs decides about both.
bool is_of_activations(std::string_view name) {
  constexpr std::array<std::string_view, 8> kSuffixes{".input_scale",  ".input_zero_point", ".output_scale",
                                                      ".k_scale",      ".v_scale",          ".q_scale",
                                                      ".k_zero_point", ".v_zero_point"};
  return std::ranges::any_of(kSuffixes, [&](std::string_view suffix) { return name.ends_with(suffix); });
}

}  // namespace

Result<std::unique_ptr<QuantizedSource>> QuantizedSource::create(std::unique_ptr<TensorSource> file,
                                                                 const QuantConfig& config) {
  std::unique_ptr<QuantizedSource> out(new QuantizedSource(std::move(file)));
  const std::span<const TensorInfo> tensors = out->file_->tensors();
  std::vector<std::unique_ptr<QuantizedWeight>> weights(tensors.size());
  std::vector<bool> is_part(tensors.size(), false);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    MOTE_ASSIGN(weights[i], find_weight(*out->file_, config, i));
    if (weights[i] == nullptr) continue;
    for (const std::size_t part : weights[i]->parts) is_part[part] = true;
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (weights[i] == nullptr && (is_part[i] || is_of_activations(tensors[i].name))) continue;
    TensorInfo info = weights[i] == nullptr ? tensors[i] : weights[i]->info;
    if (!out->by_name_.emplace(info.name, out->infos_.size()).second) {
      return bad_tensor(info.name, "is there twice, quantized and as it was");
    }
    out->infos_.push_back(std::move(info));
    out->entries_.push_back({std::move(weights[i]), i});
  }
  return out;
}

Result<QuantizedTensor> QuantizedSource::read(std::size_t index) const {
  const Entry& entry = entries_[index];
  if (entry.weight == nullptr) return file_->read(entry.index);
  const TensorInfo& info = infos_[index];
  const auto buffer = std::make_shared<AlignedBuffer>(info.bytes);
  if (buffer->size() != info.bytes) {
    return Error{kOutOfMemory,
                 "no memory for the " + with_thousands(info.bytes) + " bytes of tensor \"" +
                     escape_untrusted(info.name, 80) + "\"",
                 "", "", std::nullopt};
  }
  MOTE_TRY(entry.weight->read(*file_, std::span(buffer->data(), info.bytes)));
  MOTE_TRY(file_->check());
  return QuantizedTensor{
      info.codec, info.shape, {std::span<const std::byte>(buffer->data(), info.bytes)}, buffer};
}

std::optional<std::size_t> QuantizedSource::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

void QuantizedSource::dont_need(std::size_t index) const {
  const Entry& entry = entries_[index];
  if (entry.weight == nullptr) return file_->dont_need(entry.index);
  for (const std::size_t part : entry.weight->parts) file_->dont_need(part);
}

}  // namespace mote::formats
