// Keeps memory from being paged out.
#pragma once

#include <cstddef>
#include <span>

#include "mote/result.h"

namespace mote::sys {

// Brings the pages that `bytes` touch into memory, where they stay until they are unmapped; mapped files too.
// Errors: MEMORY_LOCK with what was asked and the process's limit.
Result<void> lock_memory(std::span<const std::byte> bytes);

}  // namespace mote::sys
