#include "model/model.h"

#include <string>

#include "model/arch.h"
#include "model/canonical.h"
#include "model/gguf_keys.h"
#include "model/hf_config.h"
#include "model/sampling_defaults.h"
#include "sys/mapped_file.h"

namespace mote::model {
namespace {

Error in_file(Error error, const std::filesystem::path& path) {
  if (error.file.empty()) error.file = path.string();
  return error;
}

Result<void> open_gguf(Model& model) {
  const formats::TensorSource& source = *model.checkpoint->source;
  MOTE_ASSIGN(model.spec, spec_from_metadata(model.checkpoint->metadata, &source));
  MOTE_ASSIGN(model.canonical, CanonicalSource::from_gguf_names(source, model.spec));
  return {};
}

// sentence-transformers keeps beside an encoder how its states become one vector. Absent: not said.
Pooling pooling_of(const std::filesystem::path& folder) {
  constexpr std::uint64_t kMostBytes = 1U << 20U;
  const auto text = sys::read_text_file(folder / "1_Pooling" / "config.json", kMostBytes);
  if (!text) return Pooling::none;
  const auto config = parse_json(*text);
  if (!config) return Pooling::none;
  const auto is_set = [&](std::string_view key) {
    const Json* value = config->find(key);
    return value != nullptr && value->if_bool() != nullptr && *value->if_bool();
  };
  if (is_set("pooling_mode_cls_token")) return Pooling::cls;
  return is_set("pooling_mode_mean_tokens") ? Pooling::mean : Pooling::none;
}

Result<void> open_huggingface(Model& model) {
  const Json& config = model.checkpoint->config;
  MOTE_ASSIGN(const ArchEntry* arch, arch_from_hf_config(config));
  MOTE_ASSIGN(model.spec, spec_from_hf_config(config));
  if (!model.spec.causal) model.spec.pooling = pooling_of(model.checkpoint->folder);
  MOTE_ASSIGN(model.canonical, CanonicalSource::from_hf_names(*model.checkpoint->source, model.spec, *arch));
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
    model.checkpoint->metadata = metadata_from_spec(model.spec);
    write_sampling_defaults(model.checkpoint->generation_config, model.checkpoint->metadata);
  }
  return model;
}

}  // namespace mote::model
