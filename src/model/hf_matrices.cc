#include "model/hf_matrices.h"

#include <cstring>
#include <optional>
#include <string>

#include "model/arch.h"
#include "model/hf_config.h"
#include "model/hf_names.h"
#include "model/row_order.h"
#include "model/tensor_names.h"

namespace mote::model {
namespace {

// Weights of a block's matrices; norms and routers are kept, embeddings and head are outside the blocks.
bool is_linear(const TensorNeed& need) {
  return is_block_role(need.role) && !need.bias && need.shape.rank() == 2 && need.shape.rows() > 1 &&
         !is_kept_float(need.role);
}

// Index of the tensor that lies there, whole.
std::optional<std::size_t> find_whole(const formats::TensorSource& source, const ArchEntry& arch,
                                      const HfPlace& place) {
  if (place.rows != HfRows::all) return std::nullopt;
  const auto index = source.find(place.name);
  if (index || arch.hf_optional_prefix.empty()) return index;
  return source.find(std::string(arch.hf_optional_prefix) + place.name);
}

}  // namespace

Result<std::vector<HfVector>> hf_vectors(const Model& model) {
  std::vector<HfVector> out;
  if (model.checkpoint->kind != formats::CheckpointKind::huggingface) return out;
  MOTE_ASSIGN(const ArchEntry* arch, arch_from_hf_config(model.checkpoint->config));
  for (const TensorNeed& need : needed_tensors(model.spec)) {
    const auto canonical = model.canonical->find(need.name);
    if (!is_block_role(need.role) || need.shape.rank() != 1 || !canonical) continue;
    if (arch->permute_qk && (need.role == Role::attn_q || need.role == Role::attn_k)) continue;
    for (const HfPlace& place : hf_places(*arch, need.role, need.block, need.bias)) {
      const auto index = find_whole(*model.checkpoint->source, *arch, place);
      if (!index) continue;
      const bool offset = arch->norm_offset && need.name.ends_with("norm.weight");
      out.push_back({*index, *canonical, offset ? 1.0F : 0.0F});
      break;
    }
  }
  return out;
}

Result<std::vector<HfMatrix>> hf_matrices(const Model& model) {
  std::vector<HfMatrix> out;
  if (model.checkpoint->kind != formats::CheckpointKind::huggingface) return out;
  MOTE_ASSIGN(const ArchEntry* arch, arch_from_hf_config(model.checkpoint->config));
  const formats::TensorSource& source = *model.checkpoint->source;
  for (const TensorNeed& need : needed_tensors(model.spec)) {
    const auto canonical = model.canonical->find(need.name);
    if (!is_linear(need) || !canonical) continue;
    for (const HfPlace& place : hf_places(*arch, need.role, need.block)) {
      const auto index = find_whole(source, *arch, place);
      if (!index) continue;
      HfMatrix matrix{source.tensors()[*index].name, *index, *canonical, 0};
      if (arch->permute_qk && need.role == Role::attn_q) matrix.permuted_heads = model.spec.heads;
      if (arch->permute_qk && need.role == Role::attn_k) matrix.permuted_heads = model.spec.kv_heads;
      out.push_back(std::move(matrix));
      break;
    }
  }
  return out;
}

void restore_rows(std::span<const std::byte> canonical, std::uint64_t row_bytes, std::uint32_t heads,
                  std::span<std::byte> out) {
  const std::uint64_t rows = canonical.size() / row_bytes;
  for (std::uint64_t row = 0; row < rows; ++row) {
    std::memcpy(out.data() + hf_row_of(row, rows / heads) * row_bytes, canonical.data() + row * row_bytes,
                row_bytes);
  }
}

}  // namespace mote::model
