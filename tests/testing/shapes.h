// A model's tensors by name and shape, without bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/tensor_source.h"
#include "mote/error.h"

namespace mote::testing {

class Shapes : public formats::TensorSource {
 public:
  explicit Shapes(std::vector<std::pair<std::string, Shape>> tensors) {
    for (auto& [name, shape] : tensors) infos_.push_back({.name = name, .shape = shape});
  }
  [[nodiscard]] std::span<const formats::TensorInfo> tensors() const override { return infos_; }
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t /*index*/) const override {
    return Error{kOutOfMemory, "no bytes", {}, {}, {}};
  }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override {
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      if (infos_[i].name == name) return i;
    }
    return std::nullopt;
  }

 private:
  std::vector<formats::TensorInfo> infos_;
};

}  // namespace mote::testing
