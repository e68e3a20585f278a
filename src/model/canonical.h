// A checkpoint's tensors under GGUF's names and in GGUF's row order, read one at a time.
//
// Only what differs is converted, at the moment it is read: norms, biases and routers to F32, 1 added to
// norms that Hugging Face stores as w and uses as 1 + w, q and k of a Hugging Face llama from [2, dims/2] to
// [dims/2, 2] rows per head (GGUF's llama turns adjacent pairs), and experts that lie apart are stacked. A
// converted tensor owns its bytes; all others are the checkpoint's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor_source.h"
#include "model/arch.h"
#include "model/spec.h"
#include "mote/result.h"

namespace mote::model {

class CanonicalSource final : public formats::TensorSource {
 public:
  // From tensors that have GGUF's names already. They keep their order; every needed one must be there.
  // Errors: MODEL_TENSOR.
  static Result<std::unique_ptr<CanonicalSource>> from_gguf_names(const formats::TensorSource& source,
                                                                  const ModelSpec& spec);
  // From Hugging Face's names, in GGUF's usual order. Tensors of rope are added where the spec has divisors.
  // Errors: MODEL_TENSOR, for tensors that have no place in the spec too.
  static Result<std::unique_ptr<CanonicalSource>> from_hf_names(const formats::TensorSource& source,
                                                                const ModelSpec& spec, const ArchEntry& arch);

  [[nodiscard]] std::span<const formats::TensorInfo> tensors() const override { return infos_; }
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const override;
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override;
  void dont_need(std::size_t index) const override {
    for (const Part& part : origins_[index].parts) source_->dont_need(part.index);
  }

 private:
  struct Part {  // bytes of one tensor of the checkpoint
    std::size_t index = 0;
    std::uint64_t first_byte = 0;
    std::uint64_t bytes = 0;
  };
  struct Origin {
    std::vector<Part> parts;  // one after another; empty: made from the spec
    std::vector<float> made;
    std::uint32_t permute_heads = 0;  // 0: rows stay
    bool to_f32 = false;
    bool add_one = false;
  };
  explicit CanonicalSource(const formats::TensorSource& source) : source_(&source) {}
  Result<void> add(formats::TensorInfo info, Origin origin);
  Result<void> add_made(Role role, const std::vector<float>& values);
  // Finds one needed tensor among Hugging Face's names; sets `used` of what it takes.
  Result<void> add_hf(const TensorNeed& need, const ModelSpec& spec, const ArchEntry& arch,
                      std::vector<bool>& used);
  [[nodiscard]] Result<QuantizedTensor> gather(const formats::TensorInfo& info, const Origin& origin) const;

  const formats::TensorSource* source_;
  std::vector<formats::TensorInfo> infos_;
  std::vector<Origin> origins_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

}  // namespace mote::model
