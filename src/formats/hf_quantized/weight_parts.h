// The tensors of a file that make up one quantized weight: found by name and held to dtype and shape, so that
// what reads them may index without looking again.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/hf_quantized/quant_config.h"
#include "formats/tensor_source.h"
#include "mote/result.h"

namespace mote::formats {

// A weight under the name that an unquantized folder has for it, in a codec.
class QuantizedWeight {
 public:
  virtual ~QuantizedWeight() = default;
  // blocks: info.bytes of them, to be filled. Errors: QUANTIZED_TENSOR, those of the file.
  [[nodiscard]] virtual Result<void> read(const TensorSource& file, std::span<std::byte> blocks) const = 0;

  TensorInfo info;
  std::vector<std::size_t> parts;  // the file's tensors that are seen as this one
};

// QUANTIZED_TENSOR, with the tensor's name.
Error bad_tensor(std::string_view name, std::string_view what);

class WeightParts {
 public:
  WeightParts(const TensorSource& file, std::string_view base) : file_(file), base_(base) {}

  // "BASE.suffix"; nothing where the file has none.
  std::optional<std::size_t> find(std::string_view suffix);
  // The same, where there has to be one. `types`: names of stored types ("I32") that it may have; `shapes`:
  // any of these, leading dimensions of 1 not counted.
  Result<std::size_t> need(std::string_view suffix, std::initializer_list<std::string_view> types,
                           std::initializer_list<Shape> shapes);
  Result<void> check(std::size_t index, std::initializer_list<std::string_view> types,
                     std::initializer_list<Shape> shapes) const;
  [[nodiscard]] const TensorInfo& info(std::size_t index) const { return file_.tensors()[index]; }

  // Gives `weight` its name, codec, shape and sizes. Errors: QUANTIZED_TENSOR where the codec's block does
  // not divide the row or a size overflows.
  Result<void> finish(QuantizedWeight& weight, CodecId codec, const Shape& shape) const;

 private:
  const TensorSource& file_;
  std::string base_;
  std::vector<std::size_t> found_;
};

// Values of a float tensor, all finite.
Result<std::vector<float>> read_scales(const TensorSource& file, std::size_t index);
// Little-endian words as they lie in the file.
std::uint32_t word_at(std::span<const std::byte> bytes, std::size_t index);

// How groups of a file lie in blocks of a codec: blocks of at most a group, so that a group of 256 becomes
// two blocks of 128 with the same scale, and a last, shorter group its own blocks.
struct BlockGroups {
  CodecId codec;
  std::uint64_t block;  // elements
  std::uint64_t group;  // elements; the row's where there is one group
  [[nodiscard]] std::uint64_t group_of(std::uint64_t block_index) const {
    return block_index * block / group;
  }
};
// `group`: 0 for whole rows. Nothing where 32 does not divide group and row.
std::optional<BlockGroups> block_groups(unsigned bits, std::uint64_t cols, std::uint64_t group,
                                        bool asymmetric);

// Whether the group of every input is its place over `group`: what a layout without an order of its own
// means. g_idx: I32 [cols].
bool is_plain_order(std::span<const std::byte> g_idx, std::uint64_t group);

}  // namespace mote::formats
