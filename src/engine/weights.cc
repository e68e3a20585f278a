#include "engine/weights.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include "codec/codec.h"
#include "model/tensor_names.h"

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
  // Matrices go to their places in `packed`, which has the layout's bytes or none, or lie in `cache`.
  Loader(Runtime& runtime, const formats::TensorSource& tensors, bool exact, const PackedLayout& layout,
         std::span<std::byte> packed, std::span<const std::byte> cache)
      : runtime_(runtime),
        tensors_(tensors),
        exact_(exact),
        layout_(layout),
        packed_(packed),
        cache_(cache) {}

  // Matrices that lie in their place.
  [[nodiscard]] std::size_t placed() const { return placed_; }

  Result<QuantizedTensor> tensor(Role role, std::uint32_t block, bool bias = false) {
    const auto index = tensors_.find(model::gguf_name(role, block, bias));
    if (!index) {
      return Error{
          .code = model::kModelTensor,
          .message = "cannot load the model: tensor " + model::gguf_name(role, block, bias) + " is missing",
          .hint = {},
          .file = {},
          .byte_position = {}};
    }
    MOTE_ASSIGN(QuantizedTensor out, tensors_.read(*index));
    const formats::TensorInfo& info = tensors_.tensors()[*index];
    // What a cache holds was checked when it was written.
    if (cache_.empty() || layout_.find(info.name, 0) == nullptr) MOTE_TRY(check(info, out));
    return out;
  }

  Result<std::vector<float>> floats(Role role, std::uint32_t block, bool bias = false) {
    MOTE_ASSIGN(const QuantizedTensor in, tensor(role, block, bias));
    const codec::Codec& codec = codec::codec_of(in.codec);
    std::vector<float> out(in.blocks().size() / codec.block_bytes * codec.block_elements);
    codec.decode(in.blocks().data(), out.data(), in.blocks().size() / codec.block_bytes);
    return out;
  }

  Result<void> norm(Role role, std::uint32_t block, bool with_bias, Norm& out) {
    MOTE_ASSIGN(out.weight, floats(role, block));
    if (with_bias) {
      MOTE_ASSIGN(out.bias, floats(role, block, true));
    }
    return {};
  }

  Result<Linear> linear(Role role, std::uint32_t block, bool with_bias = false) {
    Linear out;
    MOTE_ASSIGN(out.source, tensor(role, block));
    MOTE_TRY(pack(out, model::gguf_name(role, block)));
    if (out.matrix.integer) dont_need(role, block);
    MOTE_ASSIGN(const std::vector<float> factor, factors(role, block, 1));
    out.matrix.factor = factor.front();
    if (with_bias) {
      MOTE_ASSIGN(out.bias, floats(role, block, true));
    }
    return out;
  }

  // The factor of a whole matrix, "blk.0.attn_q.scale" beside "blk.0.attn_q.weight", or one for each matrix
  // of a stack of `count`; a single 1 where there is none.
  Result<std::vector<float>> factors(Role role, std::uint32_t block, std::uint64_t count) {
    std::string name = model::gguf_name(role, block);
    name.replace(name.rfind('.') + 1, std::string::npos, "scale");
    const auto index = tensors_.find(name);
    if (!index) return std::vector<float>{1.0F};
    const formats::TensorInfo& info = tensors_.tensors()[*index];
    MOTE_ASSIGN(const QuantizedTensor in, tensors_.read(*index));
    MOTE_TRY(check(info, in));
    const std::size_t found = in.blocks().size() / sizeof(float);
    if (in.codec != CodecId::f32 || (found != 1 && found != count)) {
      return Error{.code = model::kModelTensor,
                   .message = "cannot load the model: tensor " + name + " is not " +
                              (count == 1 ? "one float" : "one float for each of " + std::to_string(count)),
                   .hint = {},
                   .file = {},
                   .byte_position = {}};
    }
    std::vector<float> values(found);
    codec::codec_of(in.codec).decode(in.blocks().data(), values.data(), found);
    return values;
  }

  // Consecutive rows of one tensor as matrices of their own; nothing is copied.
  Result<void> split(Role role, std::uint32_t block, bool with_bias, std::span<Linear* const> parts,
                     std::span<const std::uint64_t> rows) {
    MOTE_ASSIGN(const QuantizedTensor whole, tensor(role, block));
    std::vector<float> bias;
    if (with_bias) {
      MOTE_ASSIGN(bias, floats(role, block, true));
    }
    const std::uint64_t stacked = whole.shape.rank() == 3 ? whole.shape[0] : 1;
    MOTE_ASSIGN(const std::vector<float> factor, factors(role, block, stacked));
    const std::string name = model::gguf_name(role, block);
    std::uint64_t first = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts[i]->source = rows_of(whole, first, rows[i]);
      MOTE_TRY(pack(*parts[i], name, static_cast<std::uint32_t>(i)));
      parts[i]->matrix.factor = factor[i * factor.size() / parts.size()];
      if (with_bias) {
        const auto begin = bias.begin() + static_cast<std::ptrdiff_t>(first);
        parts[i]->bias.assign(begin, begin + static_cast<std::ptrdiff_t>(rows[i]));
      }
      first += rows[i];
    }
    if (std::ranges::all_of(parts, [](const Linear* part) { return part->matrix.integer; })) {
      dont_need(role, block);
    }
    return {};
  }

  // Once a tensor is packed its mapped pages only count twice; those that are read again come back.
  void dont_need(Role role, std::uint32_t block) const {
    const auto index = tensors_.find(model::gguf_name(role, block));
    if (index) tensors_.dont_need(*index);
  }

  // Of the tensor called `name`, its matrix number `part`.
  Result<void> pack(Linear& out, const std::string& name, std::uint32_t part = 0) {
    const bool integer = !exact_ && codec::codec_of(out.source.codec).integer_form != nullptr;
    const PackedPlace* place = layout_.find(name, part);
    if (place != nullptr && place->bytes != kernels::packed_bytes(out.source, integer)) place = nullptr;
    if (place != nullptr && !cache_.empty()) {
      out.matrix = kernels::packed_before(out.source, cache_.subspan(place->offset, place->bytes));
      ++placed_;
    } else {
      std::byte* to = place == nullptr || packed_.empty() ? nullptr : packed_.data() + place->offset;
      MOTE_ASSIGN(out.matrix, kernels::prepare_pack(out.source, integer, to));
      if (!out.matrix.integer) return {};
      if (to != nullptr) ++placed_;
      runtime_.pool().parallel_for(out.matrix.tile_count(), kPackChunk,
                                   [&](std::size_t begin, std::size_t end) {
                                     kernels::pack_tiles(out.source, out.matrix, begin, end);
                                   });
    }
    // The packed copy is what runs; the file's bytes are read again only for embeddings.
    out.source.owner.reset();
    out.source.planes.clear();
    return {};
  }

 private:
  static QuantizedTensor rows_of(const QuantizedTensor& whole, std::uint64_t first, std::uint64_t count) {
    const codec::Codec& codec = codec::codec_of(whole.codec);
    const std::uint64_t row_bytes = whole.shape.cols() / codec.block_elements * codec.block_bytes;
    QuantizedTensor out = whole;
    out.shape = Shape{count, whole.shape.cols()};
    out.planes = {whole.blocks().subspan(first * row_bytes, count * row_bytes)};
    return out;
  }

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
  const formats::TensorSource& tensors_;
  bool exact_;
  const PackedLayout& layout_;
  std::span<std::byte> packed_;
  std::span<const std::byte> cache_;
  std::size_t placed_ = 0;
};

Result<void> load_attention(Loader& loader, const model::ModelSpec& spec, std::uint32_t b,
                            BlockWeights& out) {
  if (spec.qk_norm != model::QkNorm::none) {
    MOTE_TRY(loader.norm(Role::attn_q_norm, b, false, out.q_norm));
    MOTE_TRY(loader.norm(Role::attn_k_norm, b, false, out.k_norm));
  }
  if (spec.fused_qkv) {
    const std::array<Linear*, 3> parts{&out.q, &out.k, &out.v};
    const std::array<std::uint64_t, 3> rows{spec.q_width(), spec.kv_width(), spec.kv_width()};
    MOTE_TRY(loader.split(Role::attn_qkv, b, spec.qkv_bias, parts, rows));
  } else {
    MOTE_ASSIGN(out.q, loader.linear(Role::attn_q, b, spec.qkv_bias));
    MOTE_ASSIGN(out.k, loader.linear(Role::attn_k, b, spec.qkv_bias));
    MOTE_ASSIGN(out.v, loader.linear(Role::attn_v, b, spec.qkv_bias));
  }
  MOTE_ASSIGN(out.attn_output, loader.linear(Role::attn_output, b, spec.output_bias));
  return {};
}

Result<void> load_network(Loader& loader, const model::ModelSpec& spec, std::uint32_t b, Network& out) {
  if (spec.gated && spec.fused_gate_up) {
    const std::array<Linear*, 2> parts{&out.gate, &out.up};
    const std::array<std::uint64_t, 2> rows{spec.hidden, spec.hidden};
    MOTE_TRY(loader.split(Role::ffn_up, b, spec.ffn_bias, parts, rows));
  } else {
    if (spec.gated) {
      MOTE_ASSIGN(out.gate, loader.linear(Role::ffn_gate, b, spec.ffn_bias));
    }
    MOTE_ASSIGN(out.up, loader.linear(Role::ffn_up, b, spec.ffn_bias));
  }
  MOTE_ASSIGN(out.down, loader.linear(Role::ffn_down, b, spec.ffn_bias));
  return {};
}

Result<void> load_experts(Loader& loader, const model::ModelSpec& spec, std::uint32_t b, BlockWeights& out) {
  const model::ExpertSpec& experts = spec.experts;
  MOTE_ASSIGN(out.router, loader.linear(Role::router, b));
  out.experts.resize(experts.count);
  std::vector<Linear*> gates;
  std::vector<Linear*> ups;
  std::vector<Linear*> both;
  std::vector<Linear*> downs;
  for (Network& expert : out.experts) {
    gates.push_back(&expert.gate);
    ups.push_back(&expert.up);
    both.insert(both.end(), {&expert.gate, &expert.up});
    downs.push_back(&expert.down);
  }
  const std::vector<std::uint64_t> hidden(both.size(), experts.hidden);
  const std::vector<std::uint64_t> width(downs.size(), spec.width);
  if (spec.fused_gate_up) {
    MOTE_TRY(loader.split(Role::gate_up_exps, b, false, both, hidden));
  } else {
    MOTE_TRY(loader.split(Role::gate_exps, b, false, gates, hidden));
    MOTE_TRY(loader.split(Role::up_exps, b, false, ups, hidden));
  }
  MOTE_TRY(loader.split(Role::down_exps, b, false, downs, width));
  if (experts.shared_hidden == 0) return {};
  MOTE_ASSIGN(out.shared.gate, loader.linear(Role::shared_gate, b));
  MOTE_ASSIGN(out.shared.up, loader.linear(Role::shared_up, b));
  MOTE_ASSIGN(out.shared.down, loader.linear(Role::shared_down, b));
  if (experts.shared_gate) {
    MOTE_ASSIGN(out.shared_router, loader.linear(Role::shared_router, b));
  }
  return {};
}

Result<BlockWeights> load_block(Loader& loader, const model::ModelSpec& spec, std::uint32_t b) {
  BlockWeights out;
  const bool bias = spec.norm_bias;
  if (spec.norms.before) MOTE_TRY(loader.norm(Role::attn_norm, b, bias, out.attn_norm));
  if (spec.norms.before && !spec.parallel_residual) {
    MOTE_TRY(loader.norm(Role::ffn_norm, b, bias, out.ffn_norm));
  }
  if (spec.norms.after) MOTE_TRY(loader.norm(Role::attn_post_norm, b, bias, out.attn_post_norm));
  if (spec.norms.after) MOTE_TRY(loader.norm(Role::ffn_post_norm, b, bias, out.ffn_post_norm));
  if (spec.norms.after_sum) MOTE_TRY(loader.norm(Role::attn_sum_norm, b, bias, out.attn_sum_norm));
  if (spec.norms.after_sum) MOTE_TRY(loader.norm(Role::ffn_sum_norm, b, bias, out.ffn_sum_norm));
  MOTE_TRY(load_attention(loader, spec, b, out));
  if (spec.experts.count > 0) {
    MOTE_TRY(load_experts(loader, spec, b, out));
  } else {
    MOTE_TRY(load_network(loader, spec, b, out.ffn));
  }
  return out;
}

Result<void> load_embeddings(Loader& loader, const model::ModelSpec& spec, Weights& out) {
  MOTE_ASSIGN(out.embedding, loader.tensor(Role::token_embd, 0));
  if (spec.learned_positions) {
    MOTE_ASSIGN(out.positions, loader.tensor(Role::position_embd, 0));
  }
  if (spec.token_types > 0) {
    MOTE_ASSIGN(out.token_type, loader.floats(Role::token_types, 0));
    out.token_type.resize(spec.width);
  }
  if (!spec.causal) MOTE_TRY(loader.norm(Role::embd_norm, 0, spec.norm_bias, out.embedding_norm));
  return {};
}

// Embeddings, last norm and head.
Result<void> load_outer(Loader& loader, const model::ModelSpec& spec, Weights& out) {
  MOTE_TRY(load_embeddings(loader, spec, out));
  if (!spec.has_head()) return {};
  MOTE_TRY(loader.norm(Role::output_norm, 0, spec.norm_bias, out.output_norm));
  if (!spec.tied_head) {
    MOTE_ASSIGN(out.head, loader.linear(Role::output, 0));
    return {};
  }
  out.head.source = out.embedding;
  MOTE_TRY(loader.pack(out.head, model::gguf_name(Role::token_embd)));
  if (out.head.matrix.integer) loader.dont_need(Role::token_embd, 0);
  return {};
}

}  // namespace

std::uint64_t Weights::copied_bytes() const {
  std::uint64_t sum = 0;
  const auto add = [&](const QuantizedTensor& tensor) {
    if (tensor.owner != nullptr) sum += tensor.blocks().size();
  };
  add(embedding);
  add(positions);
  if (head.source.blocks().data() != embedding.blocks().data()) add(head.source);
  for (const BlockWeights& b : blocks) for_each_matrix(b, [&](const Linear& l) { add(l.source); });
  return sum;
}

std::uint64_t Weights::matrix_bytes(std::uint32_t experts_used) const {
  std::uint64_t total = head.matrix.bytes();
  for (const BlockWeights& b : blocks) {
    std::uint64_t experts = 0;
    for (const Network& e : b.experts) {
      experts += e.gate.matrix.bytes() + e.up.matrix.bytes() + e.down.matrix.bytes();
    }
    for_each_matrix(b, [&](const Linear& linear) { total += linear.matrix.bytes(); });
    if (!b.experts.empty()) total -= experts - experts * experts_used / b.experts.size();
  }
  return total;
}

Result<BlockWeights> load_block_weights(Runtime& runtime, const model::ModelSpec& spec,
                                        const formats::TensorSource& tensors, std::uint32_t block,
                                        bool exact_activations) {
  // No places: each matrix asks for its own memory.
  const PackedLayout none;
  Loader loader(runtime, tensors, exact_activations, none, {}, {});
  return load_block(loader, spec, block);
}

Result<void> load_outer_weights(Runtime& runtime, const model::ModelSpec& spec,
                                const formats::TensorSource& tensors, bool exact_activations,
                                Weights& weights) {
  const PackedLayout none;
  Loader loader(runtime, tensors, exact_activations, none, {}, {});
  return load_outer(loader, spec, weights);
}

Result<Weights> load_weights(Runtime& runtime, const model::Model& model, const PackedLayout& layout,
                             bool exact_activations, PackedCacheFile cache) {
  const model::ModelSpec& spec = model.spec;
  Weights out;
  out.cache = std::move(cache);
  // Where there is no such memory in one piece, each matrix asks for its own and says what is missing.
  if (!out.cache.is_open()) out.packed = AlignedBuffer(layout.bytes());
  Loader loader(runtime, *model.canonical, exact_activations, layout, {out.packed.data(), out.packed.size()},
                out.cache.tiles());
  MOTE_TRY(load_outer(loader, spec, out));
  out.blocks.reserve(spec.blocks);
  for (std::uint32_t b = 0; b < spec.blocks; ++b) {
    MOTE_ASSIGN(BlockWeights block, load_block(loader, spec, b));
    out.blocks.push_back(std::move(block));
  }
  out.in_one_run = loader.placed() == layout.places().size();
  // What was packed is only as good as the file still was at the end.
  MOTE_TRY(model.checkpoint->source->check());
  if (out.cache.is_open()) MOTE_TRY(out.cache.check_length());
  return out;
}

}  // namespace mote::engine
