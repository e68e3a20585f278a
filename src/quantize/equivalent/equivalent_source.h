// A checkpoint's tensors with the channels between its layers in another form (channel_map.h), changed when
// they are read: a model that computes the same.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "formats/tensor_source.h"
#include "mote/result.h"
#include "quantize/equivalent/channel_map.h"

namespace mote::quantize {

class EquivalentSource final : public formats::TensorSource {
 public:
  // Tensors with changes are F32 from now on: a product with a factor has more bits than 16-bit floats keep.
  EquivalentSource(std::unique_ptr<formats::TensorSource> source, TensorChanges changes);

  [[nodiscard]] std::span<const formats::TensorInfo> tensors() const override { return infos_; }
  // A changed tensor owns its bytes. OUT_OF_MEMORY, those of the source.
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const override;
  [[nodiscard]] Result<void> check() const override { return source_->check(); }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override {
    return source_->find(name);
  }
  void dont_need(std::size_t index) const override { source_->dont_need(index); }

 private:
  std::unique_ptr<formats::TensorSource> source_;
  TensorChanges changes_;
  std::vector<formats::TensorInfo> infos_;
};

}  // namespace mote::quantize
