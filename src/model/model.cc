#include "model/model.h"

#include <string>

#include "model/arch.h"
#include "model/canonical.h"
#include "model/gguf_keys.h"
#include "model/hf_config.h"

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
  model.metadata = model.checkpoint->metadata;
  return {};
}

Result<void> open_huggingface(Model& model) {
  const Json& config = model.checkpoint->config;
  MOTE_ASSIGN(const ArchEntry* arch, arch_from_hf_config(config));
  MOTE_ASSIGN(model.spec, spec_from_hf_config(config));
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
    model.metadata = metadata_from_spec(model.spec);
  }
  return model;
}

}  // namespace mote::model
