// Sums up what a model's matrices multiply while windows of tokens run through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "calibrate/moment_store.h"
#include "calibrate/moments.h"
#include "calibrate/statistics.h"
#include "calibrate/windows.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "mote/cancel.h"
#include "mote/result.h"

namespace mote::calibrate {

class Observer {
 public:
  // `model`: loaded with exact activations; it and the runtime outlive the object. Errors: OUT_OF_MEMORY.
  static Result<std::unique_ptr<Observer>> create(engine::Runtime& runtime, const engine::LoadedModel& model,
                                                  std::size_t window);

  // One window; `tokens` are valid ids, as many as create() was told at most.
  void add(std::span<const TokenId> tokens);
  // All windows, whole and as long as create() was told, block after block, with the second moments of the
  // inputs, which go to `moments` as soon as a block is through. Memory holds the hidden states of all tokens
  // and the moments of one block. The sums are those of add(), bit for bit. begin: before each window of each
  // block, and of the head. Errors: those of `moments` and `begin`, OUT_OF_MEMORY.
  Result<void> add_by_block(std::span<const TokenId> tokens, SpilledMoments& moments,
                            const std::function<Result<void>(std::size_t step)>& begin);
  // The sums under the names of the tensors that read them; those that are no weights in the model's file are
  // left out. STATISTICS_NONFINITE where activations were not finite.
  [[nodiscard]] Result<SumsByTensor> by_tensor() const;

 private:
  // Inputs of one kind in one block: those of all experts together.
  struct Site {
    std::size_t cols = 0;
    InputSums sums;
    std::vector<std::optional<Moments>> moments;  // of each matrix, while the block runs
  };
  Observer(engine::Runtime& runtime, const engine::LoadedModel& model) : runtime_(&runtime), model_(&model) {}
  void add_rows(Site& site, std::size_t matrices, std::size_t matrix, std::size_t cols,
                std::span<const float> rows);
  Result<void> add_moments(Site& site, std::size_t matrix, std::span<const float> rows);
  static Result<void> spill(Site& site, const std::string& tensor, SpilledMoments& to);
  [[nodiscard]] bool is_read(std::size_t layer, engine::BlockInput input) const;
  [[nodiscard]] std::string head_name() const;

  engine::Runtime* runtime_;
  const engine::LoadedModel* model_;
  std::optional<engine::KvCache> cache_;
  std::unique_ptr<engine::Forward> forward_;
  std::map<std::pair<std::size_t, engine::BlockInput>, Site> sites_;
  Site head_;
  std::size_t window_ = 0;
  bool with_moments_ = false;
  Result<void> failure_;  // of what the tap does with moments
};

// How far an observation is: windows, or where second moments are wanted those of each block.
using ObserverProgress = std::function<void(std::size_t done, std::size_t total)>;

// All windows through an observer; `moments`: where second moments go, or null. Errors: those of Observer,
// CANCELLED.
Result<SumsByTensor> observe(engine::Runtime& runtime, const engine::LoadedModel& model,
                             const Windows& windows, const CancelToken* cancel,
                             const ObserverProgress& begin = {}, SpilledMoments* moments = nullptr);

// What that takes besides the mapped model; nothing where it is beyond counting.
std::optional<std::uint64_t> observer_bytes(const engine::LoadedModel& model, const Windows& windows,
                                            unsigned threads, bool with_moments);

}  // namespace mote::calibrate
