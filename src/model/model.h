// A checkpoint opened as a model: its spec and its tensors in canonical form, whatever the file was.
//
// Canonical form is GGUF's: its tensor names and its row order (llama: rows of q and k in adjacent rope
// pairs). The engine, the quantizer and the inspector then know one naming scheme. Tensors are not copied: a
// Hugging Face folder's q and k of a llama are permuted when they are read.
#pragma once

#include <filesystem>
#include <memory>

#include "formats/checkpoint.h"
#include "formats/metadata.h"
#include "formats/tensor_source.h"
#include "model/spec.h"
#include "mote/result.h"

namespace mote::model {

struct Model {
  ModelSpec spec;
  std::unique_ptr<formats::Checkpoint> checkpoint;
  // Borrows from the checkpoint. One-dimensional tensors (norms, biases) are F32 here, as converters write
  // them, and read() is thread safe.
  std::unique_ptr<formats::TensorSource> canonical;

  // GGUF keys. From a GGUF file: all of its keys. From other checkpoints: general.* and the architecture's,
  // without the tokenizer's.
  [[nodiscard]] const formats::Metadata& metadata() const { return checkpoint->metadata; }
};

// Opens MODEL as the command line means it. Errors: those of the readers, MODEL_ARCH, MODEL_HPARAM,
// MODEL_TENSOR (a needed tensor is missing or of the wrong shape).
Result<Model> open_model(const std::filesystem::path& path);

}  // namespace mote::model
