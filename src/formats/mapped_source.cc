#include "formats/mapped_source.h"

#include <array>
#include <cstring>
#include <memory>

#include "base/strings.h"
#include "tensor/aligned_buffer.h"
#include "tensor/float16.h"

namespace mote::formats {
namespace {

// To the codec of weight_codec(type). `from` need not be aligned.
void convert(StoredType type, std::span<const std::byte> from, std::byte* to) {
  if (type == StoredType::f64) {
    for (std::size_t i = 0; i < from.size() / sizeof(double); ++i) {
      double wide = 0;
      std::memcpy(&wide, from.data() + i * sizeof wide, sizeof wide);
      // To nearest, ties to even; beyond the range infinity, which the check at load finds.
      const auto value = static_cast<float>(wide);
      std::memcpy(to + i * sizeof value, &value, sizeof value);
    }
    return;
  }
  std::array<Half, 256> halves{};
  for (std::size_t b = 0; b < halves.size(); ++b) {
    halves[b] = type == StoredType::f8_e5m2 ? static_cast<Half>(b << 8U)
                                            : float_to_half(e4m3_to_float(static_cast<std::uint8_t>(b)));
  }
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::memcpy(to + i * sizeof(Half), &halves[std::to_integer<std::size_t>(from[i])], sizeof(Half));
  }
}

}  // namespace

Result<QuantizedTensor> MappedSource::read(std::size_t index) const {
  MOTE_TRY(file_.check_length());
  const TensorInfo& info = tensors_[index];
  const std::span<const std::byte> bytes = stored(index);
  if (info.stored == StoredType::codec) return QuantizedTensor{info.codec, info.shape, {bytes}, nullptr};
  MOTE_TRY(check_is_weight(info));
  const auto buffer = std::make_shared<AlignedBuffer>(info.bytes);
  if (buffer->size() != info.bytes) {
    return Error{kOutOfMemory,
                 "no memory for the " + with_thousands(info.bytes) + " bytes of tensor \"" +
                     escape_untrusted(info.name, 80) + "\"",
                 "", file_.path().string(), std::nullopt};
  }
  convert(info.stored, bytes, buffer->data());
  return QuantizedTensor{
      info.codec, info.shape, {std::span<const std::byte>(buffer->data(), info.bytes)}, buffer};
}

std::span<const std::byte> MappedSource::stored(std::size_t index) const {
  return file_.bytes().subspan(offsets_[index], stored_bytes(tensors_[index]));
}

std::optional<std::size_t> MappedSource::find(std::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

void MappedSource::will_need(std::size_t index) const {
  file_.will_need(offsets_[index], stored_bytes(tensors_[index]));
}

void MappedSource::dont_need(std::size_t index) const {
  file_.dont_need(offsets_[index], stored_bytes(tensors_[index]));
}

std::optional<std::size_t> MappedSource::build_index() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!index_.try_emplace(tensors_[i].name, i).second) return i;
  }
  return std::nullopt;
}

}  // namespace mote::formats
