// Models against a reference on the same positions of the same text. Everything is paired: each position has
// the reference's distribution and each model's, so differences between models have small errors.
//
// Memory is bounded: reference and models advance together in steps of kStepTokens, so that only that many
// rows of logits of two models exist at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "measure/logit_model.h"
#include "measure/statistics.h"
#include "measure/windows.h"
#include "mote/result.h"
#include "sys/thread_pool.h"

namespace mote::measure {

inline constexpr std::size_t kStepTokens = 128;

struct MeasureOptions {
  std::function<void(std::size_t done, std::size_t total)> progress;  // windows; called on the calling thread
  const std::atomic<bool>* cancel = nullptr;
};

struct PerplexityResult {
  Perplexity perplexity;
  std::size_t tokens = 0;  // scored
  std::size_t windows = 0;
};
// Errors: those of the model, MEASURE_NONFINITE (logits that are no numbers), CANCELLED.
Result<PerplexityResult> measure_perplexity(LogitModel& model, const WindowPlan& plan, sys::ThreadPool& pool,
                                            const MeasureOptions& options);

struct Divergence {
  double kld_mean = 0;
  double kld_stderr = 0;  // of the mean, over positions
  double kld_median = 0;
  double kld_p99 = 0;
  double kld_max = 0;
  double top1_agreement = 0;  // fraction of positions where both have the same most likely token
  double top1_stderr = 0;
  double flips = 0;  // fraction where exactly one of the two has the right token on top
  Perplexity perplexity;
};

struct PairDifference {
  std::size_t a = 0;
  std::size_t b = 0;
  double kld_difference = 0;  // mean KLD of b less that of a
  double stderr_ = 0;         // bootstrap over windows
};

struct CompareResult {
  Perplexity reference;
  std::vector<Divergence> models;
  std::vector<PairDifference> pairs;  // all a < b
  std::size_t tokens = 0;
  std::size_t windows = 0;
};

// Errors: those of the models and the cache, MEASURE_VOCABULARY (vocabularies of different sizes),
// MEASURE_NONFINITE, CANCELLED. `reference` is an engine, a CacheWriter around one, or a CacheReader
// (reference_cache.h).
Result<CompareResult> compare(LogitModel& reference, std::span<LogitModel* const> models,
                              const WindowPlan& plan, sys::ThreadPool& pool, const MeasureOptions& options);

}  // namespace mote::measure
