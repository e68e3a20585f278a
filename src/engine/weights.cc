#include "engine/weights.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "codec/codec.h"
#include "model/arch.h"

namespace mote::engine {
namespace {

using model::Role;

// Blocks that one claim of a thread checks: about 100 KB.
constexpr std::size_t kCheckChunk = 4096;
constexpr std::size_t kPackChunk = 4;  // tiles

Error nonfinite(const formats::TensorInfo& info, std::size_t block) {
  return {.code = model::kModelNonfinite,
          .message = "cannot load tensor " + info.name + ": block " + std::to_string(block) + " of " +
                     std::string(codec::codec_of(info.codec).name) + " has a NaN or infinite scale",
          .hint = "the file is damaged, or the model was ruined before it was saved",
          .file = {},
          .byte_position = {}};
}

class Loader {
 public:
  Loader(Runtime& runtime, const model::Model& model, bool exact)
      : runtime_(runtime), model_(model), exact_(exact) {}

  Result<QuantizedTensor> tensor(Role role, std::uint32_t block) {
    const auto index = model_.canonical->find(model::gguf_name(role, block));
    if (!index) {
      return Error{
          .code = model::kModelTensor,
          .message = "cannot load the model: tensor " + model::gguf_name(role, block) + " is missing",
          .hint = {},
          .file = {},
          .byte_position = {}};
    }
    MOTE_ASSIGN(QuantizedTensor out, model_.canonical->read(*index));
    MOTE_TRY(check(model_.canonical->tensors()[*index], out));
    return out;
  }

  Result<std::vector<float>> floats(Role role, std::uint32_t block) {
    MOTE_ASSIGN(const QuantizedTensor in, tensor(role, block));
    const codec::Codec& codec = codec::codec_of(in.codec);
    std::vector<float> out(in.blocks().size() / codec.block_bytes * codec.block_elements);
    codec.decode(in.blocks().data(), out.data(), in.blocks().size() / codec.block_bytes);
    return out;
  }

  Result<Linear> linear(Role role, std::uint32_t block, std::optional<Role> bias = {}) {
    Linear out;
    MOTE_ASSIGN(out.source, tensor(role, block));
    MOTE_TRY(pack(out));
    MOTE_ASSIGN(out.matrix.factor, factor(role, block));
    if (bias) {
      MOTE_ASSIGN(out.bias, floats(*bias, block));
    }
    return out;
  }

  // The factor of a whole matrix, "blk.0.attn_q.scale" beside "blk.0.attn_q.weight"; 1 where there is none.
  Result<float> factor(Role role, std::uint32_t block) {
    std::string name = model::gguf_name(role, block);
    name.replace(name.rfind('.') + 1, std::string::npos, "scale");
    const auto index = model_.canonical->find(name);
    if (!index) return 1.0F;
    const formats::TensorInfo& info = model_.canonical->tensors()[*index];
    MOTE_ASSIGN(const QuantizedTensor in, model_.canonical->read(*index));
    MOTE_TRY(check(info, in));
    if (in.codec != CodecId::f32 || in.blocks().size() != sizeof(float)) {
      return Error{.code = model::kModelTensor,
                   .message = "cannot load the model: tensor " + name + " is not one float",
                   .hint = {},
                   .file = {},
                   .byte_position = {}};
    }
    float value = 0.0F;
    codec::codec_of(in.codec).decode(in.blocks().data(), &value, 1);
    return value;
  }

  Result<void> pack(Linear& out) {
    const bool integer = !exact_ && codec::codec_of(out.source.codec).integer_form != nullptr;
    MOTE_ASSIGN(out.matrix, kernels::prepare_pack(out.source, integer));
    if (!out.matrix.integer) return {};
    runtime_.pool().parallel_for(
        out.matrix.tile_count(), kPackChunk,
        [&](std::size_t begin, std::size_t end) { kernels::pack_tiles(out.source, out.matrix, begin, end); });
    // The packed copy is what runs; the file's bytes are read again only for embeddings.
    out.source.owner.reset();
    out.source.planes.clear();
    return {};
  }

 private:
  Result<void> check(const formats::TensorInfo& info, const QuantizedTensor& tensor) {
    const codec::Codec& codec = codec::codec_of(tensor.codec);
    const std::byte* data = tensor.blocks().data();
    const std::size_t blocks = tensor.blocks().size() / codec.block_bytes;
    std::atomic<std::size_t> first_bad{SIZE_MAX};
    const auto lower = [&](std::size_t block) {
      std::size_t seen = first_bad.load();
      while (block < seen && !first_bad.compare_exchange_weak(seen, block)) {
      }
    };
    runtime_.pool().parallel_for(blocks, kCheckChunk, [&](std::size_t begin, std::size_t end) {
      if (codec.is_finite(data + begin * codec.block_bytes, end - begin)) return;
      while (codec.is_finite(data + begin * codec.block_bytes, 1)) ++begin;
      lower(begin);
    });
    if (first_bad.load() != SIZE_MAX) return nonfinite(info, first_bad.load());
    return {};
  }

  Runtime& runtime_;
  const model::Model& model_;
  bool exact_;
};

Result<BlockWeights> load_block(Loader& loader, const model::ModelSpec& spec, std::uint32_t b) {
  const auto bias = [](bool wanted, Role role) { return wanted ? std::optional<Role>(role) : std::nullopt; };
  BlockWeights out;
  MOTE_ASSIGN(out.attn_norm, loader.floats(Role::attn_norm, b));
  MOTE_ASSIGN(out.ffn_norm, loader.floats(Role::ffn_norm, b));
  if (spec.qk_norm) {
    MOTE_ASSIGN(out.q_norm, loader.floats(Role::attn_q_norm, b));
    MOTE_ASSIGN(out.k_norm, loader.floats(Role::attn_k_norm, b));
  }
  MOTE_ASSIGN(out.q, loader.linear(Role::attn_q, b, bias(spec.qkv_bias, Role::attn_q_bias)));
  MOTE_ASSIGN(out.k, loader.linear(Role::attn_k, b, bias(spec.qkv_bias, Role::attn_k_bias)));
  MOTE_ASSIGN(out.v, loader.linear(Role::attn_v, b, bias(spec.qkv_bias, Role::attn_v_bias)));
  MOTE_ASSIGN(out.attn_output,
              loader.linear(Role::attn_output, b, bias(spec.output_bias, Role::attn_output_bias)));
  MOTE_ASSIGN(out.gate, loader.linear(Role::ffn_gate, b));
  MOTE_ASSIGN(out.up, loader.linear(Role::ffn_up, b));
  MOTE_ASSIGN(out.down, loader.linear(Role::ffn_down, b));
  return out;
}

}  // namespace

std::uint64_t Weights::matrix_bytes() const {
  std::uint64_t total = head.matrix.bytes();
  for (const BlockWeights& b : blocks) {
    for (const Linear* linear : {&b.q, &b.k, &b.v, &b.attn_output, &b.gate, &b.up, &b.down}) {
      total += linear->matrix.bytes();
    }
  }
  return total;
}

bool uses_integers(const formats::TensorInfo& info, bool exact_activations) {
  return !exact_activations && codec::codec_of(info.codec).integer_form != nullptr;
}

Result<Weights> load_weights(Runtime& runtime, const model::Model& model, bool exact_activations) {
  Loader loader(runtime, model, exact_activations);
  const model::ModelSpec& spec = model.spec;
  Weights out;
  MOTE_ASSIGN(out.embedding, loader.tensor(Role::token_embd, 0));
  MOTE_ASSIGN(out.output_norm, loader.floats(Role::output_norm, 0));
  if (spec.tied_head) {
    out.head.source = out.embedding;
    MOTE_TRY(loader.pack(out.head));
  } else {
    MOTE_ASSIGN(out.head, loader.linear(Role::output, 0));
  }
  out.blocks.reserve(spec.blocks);
  for (std::uint32_t b = 0; b < spec.blocks; ++b) {
    MOTE_ASSIGN(BlockWeights block, load_block(loader, spec, b));
    out.blocks.push_back(std::move(block));
  }
  // What was packed is only as good as the file still was at the end.
  MOTE_TRY(model.checkpoint->source->check());
  return out;
}

}  // namespace mote::engine
