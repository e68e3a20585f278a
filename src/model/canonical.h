// A checkpoint's tensors under GGUF's names and in GGUF's row order, read one at a time.
//
// Only what differs is converted, at the moment it is read: norms and biases to F32, and q and k of a Hugging
// Face llama from [2, dims/2] to [dims/2, 2] rows per head, since GGUF's llama turns adjacent pairs. A
// converted tensor owns its bytes; all others are the checkpoint's.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/tensor_source.h"
#include "model/spec.h"
#include "mote/result.h"

namespace mote::model {

class CanonicalSource final : public formats::TensorSource {
 public:
  // From tensors that have GGUF's names already. They keep their order; every needed one must be there.
  // Errors: MODEL_TENSOR.
  static Result<std::unique_ptr<CanonicalSource>> from_gguf_names(const formats::TensorSource& source,
                                                                  const ModelSpec& spec);
  // From Hugging Face's names, in GGUF's usual order. `permute_qk` as in ArchEntry. rope_freqs.weight is
  // added where the spec has divisors. Errors: MODEL_TENSOR, for tensors that have no place in the spec too.
  static Result<std::unique_ptr<CanonicalSource>> from_hf_names(const formats::TensorSource& source,
                                                                const ModelSpec& spec, bool permute_qk);

  [[nodiscard]] std::span<const formats::TensorInfo> tensors() const override { return infos_; }
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const override;
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override;
  void dont_need(std::size_t index) const override {
    if (origins_[index].index != kMade) source_->dont_need(origins_[index].index);
  }

 private:
  static constexpr std::size_t kMade =
      static_cast<std::size_t>(-1);  // not in the checkpoint: made from the spec
  struct Origin {
    std::size_t index = kMade;
    std::uint32_t permute_heads = 0;  // 0: rows stay
    bool to_f32 = false;
  };
  explicit CanonicalSource(const formats::TensorSource& source) : source_(&source) {}
  Result<void> add(formats::TensorInfo info, const Origin& origin);

  const formats::TensorSource* source_;
  std::vector<formats::TensorInfo> infos_;
  std::vector<Origin> origins_;
  std::vector<float> divisors_;
  std::unordered_map<std::string, std::size_t> by_name_;
};

}  // namespace mote::model
