// Where the tiles of every matrix lie in one run of bytes: the memory that a load packs into, or the file
// that keeps them for the next one.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.h"

namespace mote::engine {

// Whether a tensor goes through the integer kernels: quantized, and not judged with exact activations.
bool uses_integers(const formats::TensorInfo& info, bool exact_activations);

// Whether rows of this tensor are only looked up, never multiplied.
bool is_looked_up(const model::ModelSpec& spec, std::string_view name);

struct PackedPlace {
  std::string tensor;      // canonical name
  std::uint32_t part = 0;  // of a tensor that holds several matrices: q, k and v, or experts
  CodecId codec = CodecId::f32;
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::uint64_t offset = 0;  // in the run; a multiple of 64
  std::uint64_t bytes = 0;   // of the tiles; a multiple of 64, never 0
};

class PackedLayout {
 public:
  PackedLayout() = default;  // of nothing
  // Of all matrices with tiles, in the order of the model's tensors, without gaps. Those on the float path
  // have none.
  PackedLayout(const model::Model& model, bool exact_activations);

  [[nodiscard]] std::span<const PackedPlace> places() const { return places_; }
  // Of the whole run. The largest number there is where 64 bits do not count them: more than any memory has.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  // Null where the tensor has no such part with tiles.
  [[nodiscard]] const PackedPlace* find(std::string_view tensor, std::uint32_t part) const;

 private:
  std::vector<PackedPlace> places_;
  std::map<std::string, std::size_t, std::less<>> first_;  // of a tensor's parts in places_
  std::uint64_t bytes_ = 0;
};

}  // namespace mote::engine
