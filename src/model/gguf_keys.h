// GGUF's keys of a model read as a ModelSpec, and a ModelSpec written as GGUF keys.
#pragma once

#include "formats/metadata.h"
#include "formats/tensor_source.h"
#include "model/spec.h"
#include "mote/result.h"

namespace mote::model {

// What only tensors say is read from `tensors` where given: whether there is a head of its own, biases, fused
// matrices, norms that only some models of an architecture have, the vocabulary of files without vocab_size,
// divisors of rope. The spec is validated.
// Errors: MODEL_ARCH (with the list of known ones), MODEL_HPARAM, MODEL_TENSOR.
Result<ModelSpec> spec_from_metadata(const formats::Metadata& metadata,
                                     const formats::TensorSource* tensors = nullptr);

// general.architecture, general.name and the keys of the architecture that llama.cpp's converter writes; not
// general.file_type, which depends on the tensors' types, and no tokenizer keys. What GGUF has no key for is
// in tensors: llama3 rope scaling is rope_freqs.weight, longrope's divisors are rope_factors_*.weight.
formats::Metadata metadata_from_spec(const ModelSpec& spec);

}  // namespace mote::model
