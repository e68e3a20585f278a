// A quantized Hugging Face folder seen as any other: tensors under the names that they had before they were
// quantized, the quantized ones in codecs. Their parts (packed codes, scales, zero points) are not listed.
//
// A weight is put together when it is read, in memory of its own: the layouts of other tools are made for
// their kernels, ours wants rows of blocks.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/hf_quantized/quant_config.h"
#include "formats/hf_quantized/weight_parts.h"
#include "formats/tensor_source.h"
#include "mote/result.h"

namespace mote::formats {

class QuantizedSource final : public TensorSource {
 public:
  // Errors: QUANTIZED_TENSOR, FORMAT_QUANTIZED, those of reading.
  static Result<std::unique_ptr<QuantizedSource>> create(std::unique_ptr<TensorSource> file,
                                                         const QuantConfig& config);

  [[nodiscard]] std::span<const TensorInfo> tensors() const override { return infos_; }
  // OUT_OF_MEMORY; QUANTIZED_TENSOR where values make no sense (a scale that is no number).
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const override;
  [[nodiscard]] Result<void> check() const override { return file_->check(); }
  [[nodiscard]] std::vector<const sys::MappedFile*> files() const override { return file_->files(); }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override;
  void dont_need(std::size_t index) const override;

 private:
  struct Entry {
    std::unique_ptr<QuantizedWeight> weight;  // null: the file's tensor as it is
    std::size_t index = 0;                    // of that
  };
  explicit QuantizedSource(std::unique_ptr<TensorSource> file) : file_(std::move(file)) {}

  std::unique_ptr<TensorSource> file_;
  std::vector<TensorInfo> infos_;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

}  // namespace mote::formats
