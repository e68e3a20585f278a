// The rope fields of config.json, in all the spellings that folders have.
#pragma once

#include "base/json.h"
#include "model/spec.h"
#include "mote/result.h"

namespace mote::model {

// Fills spec.rope and spec.local_rope; spec.head_dim and spec.context are set. MODEL_HPARAM.
Result<void> read_hf_rope(const Json& config, ModelSpec& spec);

}  // namespace mote::model
