// A Hugging Face folder in, a quantized one out: the matrices of the blocks as affine groups, NF4, FP4 or
// FP8 in the layout of another tool (formats/hf_quantized/pack.h), every other tensor byte for byte, the
// tokenizer's files and config.json beside them.
//
// The folder appears under its name when it is complete. Unlike a GGUF job a killed one starts again: its
// temporary folder stays and is nobody's.
#pragma once

#include "engine/runtime.h"
#include "mote/quantize.h"
#include "mote/result.h"
#include "sys/cpu_features.h"
#include "sys/thread_pool.h"

namespace mote::quantize {

// Whether the options' type is one of folders. QUANT_OUTPUT where the output cannot hold the type.
Result<bool> wants_folder(const QuantizeOptions& options);

// Errors: see quantize(). `runtime` may be null where the method is not feedback.
Result<QuantizeReport> quantize_to_folder(sys::ThreadPool& pool, const QuantizeOptions& options,
                                          const sys::CpuFeatures& features, engine::Runtime* runtime);

}  // namespace mote::quantize
