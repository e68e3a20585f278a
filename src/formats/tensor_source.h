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
#include "sys/mapped_file.h"
#include "tensor/quantized_tensor.h"
#include "tensor/stored_type.h"

namespace mote::formats {

struct TensorInfo {
  std::string name;
  CodecId codec = CodecId::f32;  // of what read() hands out; without meaning where is_integer() holds
  Shape shape;
  std::uint64_t bytes = 0;                // of what read() hands out
  StoredType stored = StoredType::codec;  // how the elements lie in the file
  // Bytes in the file where read() makes another form of them (quantized Hugging Face folders); 0: as many as
  // the type says.
  std::uint64_t file_bytes = 0;

  // Booleans and integers: listed, never weights.
  [[nodiscard]] bool is_integer() const { return stored != StoredType::codec && !weight_codec(stored); }
};

// "Q4_K", "F8_E4M3", "I64": the type in the file.
std::string_view type_name(const TensorInfo& info);
// Bytes in the file.
std::uint64_t stored_bytes(const TensorInfo& info);
// TENSOR_TYPE where the tensor cannot be a weight.
Result<void> check_is_weight(const TensorInfo& info);

// Thread safe for reading. Sizes and offsets have been checked against the file when it was opened.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  [[nodiscard]] virtual std::span<const TensorInfo> tensors() const = 0;
  // Borrowed from the source, valid as long as it lives, or made while reading (F64 as F32, F8 as F16).
  // TENSOR_TYPE for integers, OUT_OF_MEMORY, MODEL_CHANGED where the file has shrunk since it was
  // opened, io errors where reading fails.
  [[nodiscard]] virtual Result<QuantizedTensor> read(std::size_t index) const = 0;
  // The tensor's bytes as they lie in the file, of integers too, not aligned; empty where the source has none
  // to show.
  [[nodiscard]] virtual std::span<const std::byte> stored(std::size_t index) const {
    static_cast<void>(index);
    return {};
  }
  // MODEL_CHANGED where a file is shorter now than when it was opened: what was read from it meanwhile is
  // void.
  [[nodiscard]] virtual Result<void> check() const { return {}; }
  // The mapped files behind it, in order; none where tensors come from elsewhere.
  [[nodiscard]] virtual std::vector<const sys::MappedFile*> files() const { return {}; }
  // Index of a tensor by name.
  [[nodiscard]] virtual std::optional<std::size_t> find(std::string_view name) const = 0;
  // For callers that stream: the tensor will not be read again soon, so its pages need not stay in memory.
  virtual void dont_need(std::size_t index) const { static_cast<void>(index); }
};

}  // namespace mote::formats
