// The part that all readers of one mapped file share: a list of tensors with their positions. A reader
// derives from it, fills the list while it checks the file, and is done.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "formats/tensor_source.h"
#include "mote/result.h"
#include "sys/mapped_file.h"

namespace mote::formats {

class MappedSource : public TensorSource {
 public:
  [[nodiscard]] std::span<const TensorInfo> tensors() const final { return tensors_; }
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const final;
  [[nodiscard]] std::span<const std::byte> stored(std::size_t index) const final;
  [[nodiscard]] Result<void> check() const final { return file_.check_length(); }
  [[nodiscard]] std::vector<const sys::MappedFile*> files() const final { return {&file_}; }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const final;

  [[nodiscard]] std::uint64_t file_bytes() const { return file_.bytes().size(); }
  // For callers that stream: says that a tensor will be read soon, or not again.
  void will_need(std::size_t index) const;
  void dont_need(std::size_t index) const final;

 protected:
  MappedSource() = default;
  // Once, when tensors_ is complete. The index of the later of two tensors with the same name, if there are
  // any.
  std::optional<std::size_t> build_index();

  sys::MappedFile file_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::uint64_t> offsets_;  // from the file's start; checked against its length

 private:
  std::map<std::string_view, std::size_t> index_;  // views of tensors_
};

}  // namespace mote::formats
