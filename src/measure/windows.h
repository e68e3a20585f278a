// Which positions of a text are scored, and after what context: the two protocols that figures in the wild
// follow.
//
//   llama  llama.cpp's: non-overlapping windows of n_ctx tokens, tail dropped; where the model adds BOS, the
//   first
//          token of each window is replaced by it; only positions from n_ctx / 2 on are scored, so that each
//          has at least half a window of context: n_ctx - 1 - n_ctx / 2 per window. At least two windows of
//          text.
//   hf     Hugging Face's and the papers': non-overlapping windows without a BOS of their own (the text has
//   one at
//          its start where the model adds it), all window - 1 predictions scored, tail dropped.
// Their figures differ by 5 to 15 %: protocol, context and number of tokens belong beside every perplexity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "mote/result.h"

namespace mote::measure {

enum class Protocol : std::uint8_t { llama, hf };
std::string_view to_string(Protocol protocol);
std::optional<Protocol> parse_protocol(std::string_view name);
// 512 for llama, 2048 for hf.
std::size_t default_context(Protocol protocol);

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
