// How a model's makers want it sampled: generation_config.json of a Hugging Face folder, the keys
// general.sampling.* of a GGUF file (names as in llama.cpp's gguf-py, constants.py). A value that is no
// number or out of the sampler's range counts as absent: the caller has defaults of its own.
#pragma once

#include <cstdint>
#include <optional>

#include "base/json.h"
#include "formats/metadata.h"

namespace mote::model {

struct SamplingDefaults {
  std::optional<double> temperature;  // 0: the most likely token
  std::optional<std::int64_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
};

SamplingDefaults sampling_defaults(const formats::Metadata& metadata);

// Adds what `generation_config` (an object, or null where there is none) says, as GGUF keys. "do_sample":
// false is a temperature of 0, whatever else stands there.
void write_sampling_defaults(const Json& generation_config, formats::Metadata& out);

}  // namespace mote::model
