// A Hugging Face config.json read as a ModelSpec, and a ModelSpec written as GGUF keys.
//
// Both spellings of a configuration are read: `rope_parameters` and `dtype` as transformers 5 writes them,
// `rope_theta` with `rope_scaling` and `torch_dtype` as before. Fields that change the arithmetic in a way
// the spec cannot say (sliding windows in use, another activation, MLP biases, yarn) are errors with the
// field's name.
#pragma once

#include "base/json.h"
#include "formats/llama2c.h"
#include "formats/metadata.h"
#include "model/spec.h"
#include "mote/result.h"

namespace mote::model {

// The spec is validated; rope pairs are those of GGUF's row order. Errors: MODEL_ARCH, MODEL_HPARAM.
Result<ModelSpec> spec_from_hf_config(const Json& config);

// llama2.c has no place for two numbers, which its run.c fixes: rope base 10000 and norm epsilon 1e-5.
Result<ModelSpec> spec_from_llama2c(const formats::Llama2cHeader& header);

// general.architecture, general.name and the keys of the architecture that llama.cpp's converter writes; not
// general.file_type, which depends on the tensors' types, and no tokenizer keys. Llama-3 rope scaling is
// not a key in GGUF but the tensor rope_freqs.weight.
formats::Metadata metadata_from_spec(const ModelSpec& spec);

}  // namespace mote::model
