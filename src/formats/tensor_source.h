// What a checkpoint looks like to everything above the readers: a list of tensors whose bytes can be
// borrowed, one at a time. Readers map the file; nothing is copied.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "tensor/quantized_tensor.h"

namespace mote::formats {

struct TensorInfo {
  std::string name;
  CodecId codec = CodecId::f32;
  Shape shape;
  std::uint64_t bytes = 0;
};

// Thread safe for reading. Sizes and offsets have been checked against the file when it was opened.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  [[nodiscard]] virtual std::span<const TensorInfo> tensors() const = 0;
  // Borrowed from the source, valid as long as it lives. MODEL_CHANGED where the file has shrunk since it was
  // opened, io errors where reading fails.
  [[nodiscard]] virtual Result<QuantizedTensor> read(std::size_t index) const = 0;
  // Index of a tensor by name.
  [[nodiscard]] virtual std::optional<std::size_t> find(std::string_view name) const = 0;
  // For callers that stream: the tensor will not be read again soon, so its pages need not stay in memory.
  virtual void dont_need(std::size_t index) const { static_cast<void>(index); }
};

}  // namespace mote::formats
