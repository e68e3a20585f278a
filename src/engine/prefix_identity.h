// Everything that decides the bits of a session's keys and values but its tokens, as a text: for blocks that
// outlive the process.
#pragma once

#include <string>

#include "engine/kv_cache.h"
#include "engine/loaded_model.h"
#include "engine/prefix_store.h"
#include "engine/runtime.h"
#include "mote/result.h"

namespace mote::engine {

// The model by a digest of its files (`store` remembers it for files that do not change), the types, the
// arithmetic, the program. Errors: IO_READ; PREFIX_MODEL for files that are not what was
// loaded, or were changed within kStampSettles before, and for a model that LoadOptions::change_model
// changed.
Result<std::string> prefix_identity(Runtime& runtime, const LoadedModel& model, const KvShape& shape,
                                    bool long_divisors, PrefixStore& store);

}  // namespace mote::engine
