#include "engine/packed_layout.h"

#include "base/checked.h"
#include "codec/codec.h"
#include "kernels/linear.h"
#include "model/tensor_names.h"

namespace mote::engine {

using model::Role;

bool uses_integers(const formats::TensorInfo& info, bool exact_activations) {
  return !exact_activations && codec::codec_of(info.codec).integer_form != nullptr;
}

bool is_looked_up(const model::ModelSpec& spec, std::string_view name) {
  if (name == model::gguf_name(Role::token_embd)) return !(spec.has_head() && spec.tied_head);
  return name == model::gguf_name(Role::position_embd) || name == model::gguf_name(Role::token_types);
}

PackedLayout::PackedLayout(const model::Model& model, bool exact_activations) {
  Checked end;
  for (const formats::TensorInfo& info : model.canonical->tensors()) {
    if (info.shape.rank() < 2 || is_looked_up(model.spec, info.name) ||
        !uses_integers(info, exact_activations))
      continue;
    std::uint32_t part = 0;
    for (const std::uint64_t rows : model::matrix_rows(model.spec, info.name, info.shape)) {
      QuantizedTensor shape_only;
      shape_only.codec = info.codec;
      shape_only.shape = Shape{rows, info.shape.cols()};
      const std::uint64_t bytes = kernels::packed_bytes(shape_only, true);
      if (bytes == 0) break;  // of one tensor all parts or none: their columns are the same
      if (part == 0) first_.emplace(info.name, places_.size());
      places_.push_back({.tensor = info.name,
                         .part = part++,
                         .codec = info.codec,
                         .rows = rows,
                         .cols = info.shape.cols(),
                         .offset = end.value().value_or(0),
                         .bytes = bytes});
      end = end + bytes;
    }
  }
  bytes_ = end.value().value_or(UINT64_MAX);
}

const PackedPlace* PackedLayout::find(std::string_view tensor, std::uint32_t part) const {
  const auto first = first_.find(tensor);
  if (first == first_.end() || part >= places_.size() - first->second) return nullptr;
  const PackedPlace& place = places_[first->second + part];
  return place.tensor == tensor ? &place : nullptr;
}

}  // namespace mote::engine
