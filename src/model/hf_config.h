// A Hugging Face config.json read as a ModelSpec.
//
// Both spellings of a configuration are read: `rope_parameters` and `dtype` as transformers 5 writes them,
// `rope_theta` with `rope_scaling` and `torch_dtype` as before. Fields that change the arithmetic in a way
// the spec cannot say are errors with the field's name.
#pragma once

#include "base/json.h"
#include "formats/llama2c.h"
#include "model/arch.h"
#include "model/spec.h"
#include "mote/result.h"

namespace mote::model {

// MODEL_ARCH with the list of known ones.
Result<const ArchEntry*> arch_from_hf_config(const Json& config);

// The spec is validated; rope pairs are those of GGUF's row order. Errors: MODEL_ARCH, MODEL_HPARAM.
Result<ModelSpec> spec_from_hf_config(const Json& config);

// llama2.c has no place for two numbers, which its run.c fixes: rope base 10000 and norm epsilon 1e-5.
Result<ModelSpec> spec_from_llama2c(const formats::Llama2cHeader& header);

}  // namespace mote::model
