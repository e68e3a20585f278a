#include "formats/mapped_source.h"

namespace mote::formats {

Result<QuantizedTensor> MappedSource::read(std::size_t index) const {
  MOTE_TRY(file_.check_length());
  const TensorInfo& info = tensors_[index];
  return QuantizedTensor{
      info.codec, info.shape, {file_.bytes().subspan(offsets_[index], info.bytes)}, nullptr};
}

std::optional<std::size_t> MappedSource::find(std::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

void MappedSource::will_need(std::size_t index) const {
  file_.will_need(offsets_[index], tensors_[index].bytes);
}

void MappedSource::dont_need(std::size_t index) const {
  file_.dont_need(offsets_[index], tensors_[index].bytes);
}

std::optional<std::size_t> MappedSource::build_index() {
  index_.reserve(tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!index_.try_emplace(tensors_[i].name, i).second) return i;
  }
  return std::nullopt;
}

}  // namespace mote::formats
