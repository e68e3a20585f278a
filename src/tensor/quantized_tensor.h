// A weight as it lies in a file or in memory: a codec, a shape and the bytes. One type for plain floats, GGUF
// blocks and, later, formats of several planes (codes, scales, zeros); kernels and exporters see it, not
// files.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
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

}  // namespace mote
