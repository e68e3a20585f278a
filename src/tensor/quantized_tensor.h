// A weight as it lies in a file or in memory: a codec, a shape and the bytes. One type for plain floats, GGUF
// blocks and, later, formats of several planes (codes, scales, zeros); kernels and exporters see it, not
// files.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tensor/codec_id.h"
#include "tensor/shape.h"

namespace mote {

// Borrows its bytes: valid as long as the TensorSource or buffer that it came from, and as long as itself
// where it has an owner.
struct QuantizedTensor {
  CodecId codec = CodecId::f32;
  Shape shape;                                     // in elements; cols() is the contiguous dimension
  std::vector<std::span<const std::byte>> planes;  // planes[0]: the blocks, row after row
  std::shared_ptr<const void>
      owner;  // of bytes that were made while reading; null where they lie in the source

  [[nodiscard]] std::span<const std::byte> blocks() const {
    return planes.empty() ? std::span<const std::byte>() : planes[0];
  }
};

// values: as many as the shape has elements, which the tensor owns.
inline QuantizedTensor float_tensor(const Shape& shape, std::vector<float> values) {
  const auto held = std::make_shared<const std::vector<float>>(std::move(values));
  QuantizedTensor out;
  out.codec = CodecId::f32;
  out.shape = shape;
  out.planes = {std::as_bytes(std::span<const float>(*held))};
  out.owner = held;
  return out;
}

}  // namespace mote
