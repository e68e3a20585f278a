// A checkpoint's tensors with some of them replaced: what a model looks like in the middle of being
// quantized.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "formats/tensor_source.h"
#include "mote/result.h"

namespace mote::quantize {

class ReplacedTensors final : public formats::TensorSource {
 public:
  // `source` outlives the object.
  explicit ReplacedTensors(const formats::TensorSource& source)
      : source_(&source), infos_(source.tensors().begin(), source.tensors().end()) {}

  // From now on read(index) hands out `tensor`, of the same shape.
  void replace(std::size_t index, QuantizedTensor tensor);
  // The replaced tensor's bytes are given up; read(index) must not be called again.
  void forget(std::size_t index) { replaced_.erase(index); }

  [[nodiscard]] std::span<const formats::TensorInfo> tensors() const override { return infos_; }
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const override;
  [[nodiscard]] Result<void> check() const override { return source_->check(); }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override {
    return source_->find(name);
  }

 private:
  const formats::TensorSource* source_;
  std::vector<formats::TensorInfo> infos_;
  std::map<std::size_t, QuantizedTensor> replaced_;
};

}  // namespace mote::quantize
