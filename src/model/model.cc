#include "model/model.h"

#include <string>

#include "codec/codec.h"
#include "model/arch.h"
#include "model/canonical.h"
#include "model/hf_config.h"

namespace mote::model {
namespace {

Error in_file(Error error, const std::filesystem::path& path) {
  if (error.file.empty()) error.file = path.string();
  return error;
}

// What a GGUF file says through its tensors rather than its keys.
Result<void> apply_tensors(const formats::TensorSource& source, ModelSpec& spec) {
  const auto has = [&](Role role) { return source.find(gguf_name(role)).has_value(); };
  spec.tied_head = !has(Role::output);
  spec.qkv_bias = spec.qkv_bias || has(Role::attn_q_bias);
  spec.output_bias = has(Role::attn_output_bias);
  const auto freqs = source.find(gguf_name(Role::rope_freqs));
  if (!freqs) return {};
  const formats::TensorInfo& info = source.tensors()[*freqs];
  const Shape expected{spec.rope.dims / 2};
  if (info.codec != CodecId::f32 || info.shape != expected) {
    return Error{.code = kModelTensor,
                 .message = "cannot use the model: tensor rope_freqs.weight is " +
                            std::string(codec::codec_of(info.codec).name) + " " + to_string(info.shape) +
                            ", expected F32 " + to_string(expected),
                 .hint = "the tensors do not match the hyperparameters",
                 .file = {},
                 .byte_position = {}};
  }
  MOTE_ASSIGN(const QuantizedTensor tensor, source.read(*freqs));
  spec.rope.divisors.resize(spec.rope.dims / 2);
  codec::codec_of(CodecId::f32)
      .decode(tensor.blocks().data(), spec.rope.divisors.data(), spec.rope.divisors.size());
  return validate(spec);
}

Result<void> open_gguf(Model& model) {
  const formats::TensorSource& source = *model.checkpoint->source;
  std::uint64_t embedding_rows = 0;
  if (const auto index = source.find(gguf_name(Role::token_embd)); index) {
    embedding_rows = source.tensors()[*index].shape.rows();
  }
  MOTE_ASSIGN(model.spec, spec_from_metadata(model.checkpoint->metadata, embedding_rows));
  MOTE_TRY(apply_tensors(source, model.spec));
  MOTE_ASSIGN(model.canonical, CanonicalSource::from_gguf_names(source, model.spec));
  model.metadata = model.checkpoint->metadata;
  return {};
}

Result<void> open_huggingface(Model& model) {
  const Json& config = model.checkpoint->config;
  MOTE_ASSIGN(model.spec, spec_from_hf_config(config));
  const ArchEntry* arch = find_arch_by_gguf_name(model.spec.architecture);
  MOTE_ASSIGN(model.canonical,
              CanonicalSource::from_hf_names(*model.checkpoint->source, model.spec, arch->permute_qk));
  return {};
}

Result<void> open_llama2c(Model& model) {
  MOTE_ASSIGN(model.spec, spec_from_llama2c(model.checkpoint->llama2c));
  MOTE_ASSIGN(model.canonical, CanonicalSource::from_gguf_names(*model.checkpoint->source, model.spec));
  return {};
}

std::string name_of(const formats::Checkpoint& checkpoint) {
  std::filesystem::path path = checkpoint.folder;
  if (!path.has_filename()) path = path.parent_path();
  return path.filename() == "." || path.filename() == ".." ? "" : path.filename().string();
}

}  // namespace

Result<Model> open_model(const std::filesystem::path& path) {
  Model model;
  MOTE_ASSIGN(formats::Checkpoint checkpoint, formats::open_checkpoint(path));
  model.checkpoint = std::make_unique<formats::Checkpoint>(std::move(checkpoint));
  Result<void> opened;
  switch (model.checkpoint->kind) {
    case formats::CheckpointKind::gguf:
      opened = open_gguf(model);
      break;
    case formats::CheckpointKind::huggingface:
      opened = open_huggingface(model);
      break;
    case formats::CheckpointKind::llama2c:
      opened = open_llama2c(model);
      break;
  }
  if (!opened) return in_file(std::move(opened).error(), path);
  if (model.checkpoint->kind != formats::CheckpointKind::gguf) {
    model.spec.name = name_of(*model.checkpoint);
    model.metadata = metadata_from_spec(model.spec);
  }
  return model;
}

}  // namespace mote::model
