// A text cut into windows by one of the protocols of mote/measure.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "mote/measure.h"
#include "mote/result.h"

namespace mote::measure {

struct WindowPlan {
  Protocol protocol = Protocol::llama;
  std::size_t context = 0;  // tokens per window
  std::size_t first_scored =
      0;  // position p predicts token p + 1; scored are p in [first_scored, context - 1)
  std::vector<std::vector<std::int32_t>> windows;
  [[nodiscard]] std::size_t scored_per_window() const { return context - 1 - first_scored; }
  [[nodiscard]] std::size_t scored() const { return windows.size() * scored_per_window(); }
  // A number that changes with any token or setting: FNV-1a, 64 bits. Ties a cache of logits to the plan.
  [[nodiscard]] std::uint64_t digest() const;
};

// `tokens`: the whole text, tokenized once, BOS first where the model adds it. `bos`: that token, nothing
// where the model adds none. `max_windows` 0 means all. Errors: MEASURE_TEXT_SHORT, MEASURE_CONTEXT (context
// below 4).
Result<WindowPlan> plan_windows(std::span<const std::int32_t> tokens, Protocol protocol, std::size_t context,
                                std::optional<std::int32_t> bos, std::size_t max_windows);

}  // namespace mote::measure
