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
  // The sums under the names of the tensors that read them; those that are no weights in the model's file are
  // left out. STATISTICS_NONFINITE where activations were not finite.
  [[nodiscard]] Result<std::map<std::string, InputSums, std::less<>>> by_tensor() const;

 private:
  // Inputs of one kind in one block: those of all experts together.
  struct Site {
    std::size_t cols = 0;
    InputSums sums;
  };
  Observer(engine::Runtime& runtime, const engine::LoadedModel& model) : runtime_(&runtime), model_(&model) {}
  void add_rows(Site& site, std::size_t matrices, std::size_t matrix, std::size_t cols,
                std::span<const float> rows);

  engine::Runtime* runtime_;
  const engine::LoadedModel* model_;
  std::optional<engine::KvCache> cache_;
  std::unique_ptr<engine::Forward> forward_;
  std::map<std::pair<std::size_t, engine::BlockInput>, Site> sites_;
  Site head_;
};

// All windows through an observer. Errors: those of Observer, CANCELLED.
Result<std::map<std::string, InputSums, std::less<>>> observe(
    engine::Runtime& runtime, const engine::LoadedModel& model, const Windows& windows,
    const CancelToken* cancel, const std::function<void(std::size_t window)>& begin = {});

}  // namespace mote::calibrate
