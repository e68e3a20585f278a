// mote/model.h with the types that it only names, and what a load takes of memory.
#pragma once

#include <cstdint>

#include "engine/model_identity.h"
#include "engine/runtime.h"
#include "model/model.h"
#include "mote/model.h"
#include "text/template/chat_template.h"

namespace mote::engine {

// Bytes, planned before anything is taken.
struct MemoryPlan {
  std::uint64_t packed_weights = 0;  // taken at load
  std::uint64_t mapped_weights = 0;  // read from the mapped file as needed; may be dropped by the system
  std::uint64_t kv = 0;              // of one session
  std::uint64_t scratch = 0;         // of one session
  [[nodiscard]] std::uint64_t total() const { return packed_weights + mapped_weights + kv + scratch; }
  [[nodiscard]] std::uint64_t taken() const { return packed_weights + kv + scratch; }
};

// What a load and a session would take. `options` as given to Session::create. Checked: MODEL_MEMORY where
// the numbers themselves overflow.
Result<MemoryPlan> plan_memory(const model::Model& model, Activations activations,
                               const SessionOptions& options, std::size_t count = 1);
// Packed weights that lie in a mapped cache: nothing is taken for them.
void map_packed_weights(MemoryPlan& plan);
// Of a model that is loaded already, from a cache or not.
Result<MemoryPlan> plan_memory(const LoadedModel& model, const SessionOptions& options,
                               std::size_t count = 1);

}  // namespace mote::engine
