#include "quantize/replaced_tensors.h"

#include <utility>

namespace mote::quantize {

void ReplacedTensors::replace(std::size_t index, QuantizedTensor tensor) {
  infos_[index].codec = tensor.codec;
  infos_[index].bytes = tensor.blocks().size();
  replaced_[index] = std::move(tensor);
}

Result<QuantizedTensor> ReplacedTensors::read(std::size_t index) const {
  const auto found = replaced_.find(index);
  if (found != replaced_.end()) return found->second;
  return source_->read(index);
}

}  // namespace mote::quantize
