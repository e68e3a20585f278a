// Embeddings of texts: an encoder's last hidden states, or a decoder's after its last norm, pooled to one
// vector of length 1.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "model/spec.h"
#include "mote/cancel.h"
#include "mote/result.h"

namespace mote::engine {

class Embedder {
 public:
  // `context`: most tokens of one text; 0: the model's own, at most kDefaultContext. An encoder takes all
  // tokens of a text in one batch, so at most kMaxBatch, and with learned positions at most its own context.
  // Errors: SESSION_OPTION, MODEL_MEMORY.
  static Result<std::unique_ptr<Embedder>> create(Runtime& runtime, std::shared_ptr<const LoadedModel> model,
                                                  std::size_t context = 0);

  // Mean of all tokens' states or the first token's (`none` means mean), divided by its length; [width].
  // Errors: CTX_FULL, TOKEN_ID, CANCELLED.
  Result<std::vector<float>> embed(std::span<const TokenId> tokens, model::Pooling pooling,
                                   const CancelToken* cancel = nullptr);

  [[nodiscard]] std::size_t context() const { return context_; }

 private:
  explicit Embedder(std::shared_ptr<const LoadedModel> model) : model_(std::move(model)) {}

  std::shared_ptr<const LoadedModel> model_;
  std::size_t context_ = 0;
  std::size_t batch_ = 0;
  std::unique_ptr<Forward> forward_;
  std::optional<KvCache> cache_;
};

}  // namespace mote::engine
