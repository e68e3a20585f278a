#include "calibrate/readers.h"

#include <algorithm>
#include <span>

#include "model/tensor_names.h"

namespace mote::calibrate {
namespace {

using engine::BlockInput;
using model::Role;

// Fused matrices stand beside those that they replace; a model has one or the other.
std::span<const Role> roles_of(BlockInput input, bool mixture) {
  static constexpr Role kQkv[] = {Role::attn_q, Role::attn_k, Role::attn_v, Role::attn_qkv};
  static constexpr Role kOutput[] = {Role::attn_output};
  static constexpr Role kGateUp[] = {Role::ffn_gate, Role::ffn_up};
  static constexpr Role kSharedGateUp[] = {Role::shared_gate, Role::shared_up};
  static constexpr Role kDown[] = {Role::ffn_down};
  static constexpr Role kExperts[] = {Role::gate_exps, Role::up_exps, Role::gate_up_exps};
  static constexpr Role kExpertsDown[] = {Role::down_exps};
  static constexpr Role kSharedDown[] = {Role::shared_down};
  switch (input) {
    case BlockInput::attention:
      return kQkv;
    case BlockInput::attention_output:
      return kOutput;
    case BlockInput::ffn:
      return mixture ? std::span<const Role>(kSharedGateUp) : std::span<const Role>(kGateUp);
    case BlockInput::ffn_down:
      return kDown;
    case BlockInput::expert:
      return kExperts;
    case BlockInput::expert_down:
      return kExpertsDown;
    case BlockInput::shared_down:
      return kSharedDown;
  }
  return {};
}

}  // namespace

std::vector<std::size_t> readers_of(const formats::TensorSource& model, std::uint32_t block,
                                    BlockInput input) {
  const bool mixture = model.find(model::gguf_name(Role::router, block)).has_value();
  std::vector<std::size_t> out;
  for (const Role role : roles_of(input, mixture)) {
    if (const auto index = model.find(model::gguf_name(role, block))) out.push_back(*index);
  }
  return out;
}

std::optional<std::vector<std::size_t>> fellow_readers(const formats::TensorSource& model,
                                                       std::size_t tensor) {
  const int layer = model::layer_of(model.tensors()[tensor].name);
  if (layer < 0) return std::nullopt;
  for (const BlockInput input : engine::kBlockInputs) {
    std::vector<std::size_t> readers = readers_of(model, static_cast<std::uint32_t>(layer), input);
    if (std::ranges::find(readers, tensor) != readers.end()) return readers;
  }
  return std::nullopt;
}

}  // namespace mote::calibrate
