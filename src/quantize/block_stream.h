// A model over windows of tokens, one block after another: the hidden states of all tokens are kept before
// the block that is due, and what a matrix of that block multiplies is shown window by window.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/block_input.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/runtime.h"
#include "engine/weights.h"
#include "model/spec.h"
#include "mote/cancel.h"
#include "mote/result.h"
#include "mote/tokenizer.h"

namespace mote::quantize {

class BlockStream {
 public:
  // All outlive the object; what of the weights changes is followed by renew(). cancel: may be null.
  BlockStream(engine::Runtime& runtime, const model::ModelSpec& spec, const engine::Weights& weights,
              std::size_t window, const CancelToken* cancel)
      : runtime_(runtime), spec_(spec), weights_(weights), window_(window), cancel_(cancel) {}

  // The hidden states before the first block; tokens: whole windows. Errors: OUT_OF_MEMORY.
  Result<void> open(std::span<const TokenId> tokens);
  // Scratch memory for the weights as they are now. Errors: OUT_OF_MEMORY.
  Result<void> renew();

  // [tokens of window w][cols]: run up to `input` of the block that is due. Valid until the next call.
  std::span<const float> input(std::size_t w, std::size_t block, engine::BlockInput input);
  // After input(): the block's output becomes the window's hidden states.
  void finish_from(std::size_t w, std::size_t block, engine::BlockInput input);
  // The hidden states of all windows behind the block. Errors: CANCELLED.
  Result<void> pass(std::size_t block);
  // Second moments of what the head multiplies, as calibrate::Moments has them; before the first block, the
  // hidden states stay as they are. Errors: OUT_OF_MEMORY, CANCELLED.
  Result<std::vector<double>> head_moments();

  [[nodiscard]] std::size_t windows() const { return hidden_.size() / (window_ * spec_.width); }
  // CANCELLED where that is wanted.
  [[nodiscard]] Result<void> go_on() const;

 private:
  // Every window begins at position 0: what the cache still holds of another one is never read.
  engine::Slice slice_of() { return {&*cache_, 0, window_}; }
  std::span<float> of_window(std::size_t w) {
    return std::span(hidden_).subspan(w * window_ * spec_.width, window_ * spec_.width);
  }
  void load(std::size_t w);
  void store(std::size_t w);

  engine::Runtime& runtime_;
  const model::ModelSpec& spec_;
  const engine::Weights& weights_;
  std::size_t window_;
  const CancelToken* cancel_;
  std::optional<engine::KvCache> cache_;
  std::unique_ptr<engine::Forward> forward_;
  std::vector<float> hidden_;
};

}  // namespace mote::quantize
