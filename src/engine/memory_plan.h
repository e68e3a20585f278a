// Memory is planned before it is taken: weights, keys and values for the asked context, scratch.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/kv_cache.h"
#include "engine/loaded_model.h"

namespace mote::engine {

// The options of `count` sessions that share scratch memory, with every default filled in and every range
// checked. SESSION_OPTION otherwise.
struct SessionPlan {
  KvShape kv;
  std::size_t batch = 0;
};
Result<SessionPlan> plan_session(const model::ModelSpec& spec, Activations activations,
                                 const SessionOptions& options, std::size_t count = 1);

// MODEL_MEMORY with all numbers where `needed` is more than `available`.
Result<void> check_memory(std::string_view what, const MemoryPlan& plan, std::uint64_t needed,
                          std::uint64_t available);

}  // namespace mote::engine
