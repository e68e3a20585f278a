// Models against a reference on the same positions of the same text. Everything is paired: each position has
// the reference's distribution and each model's, so differences between models have small errors.
//
// Memory is bounded: reference and models advance together in steps of kStepTokens, so that only that many
// rows of logits of two models exist at once.
#pragma once

#include <cstddef>
#include <span>

#include "measure/logit_model.h"
#include "measure/windows.h"
#include "mote/measure.h"
#include "mote/result.h"
#include "sys/thread_pool.h"

namespace mote::measure {

inline constexpr std::size_t kStepTokens = 128;

// Errors: those of the model, MEASURE_NONFINITE (logits that are no numbers), CANCELLED.
Result<PerplexityResult> measure_perplexity(LogitModel& model, const WindowPlan& plan, sys::ThreadPool& pool,
                                            const MeasureOptions& options);

// Errors: those of the models and the cache, MEASURE_VOCABULARY (vocabularies of different sizes),
// MEASURE_NONFINITE, CANCELLED. `reference` is an engine, a CacheWriter around one, or a CacheReader
// (reference_cache.h).
Result<CompareResult> compare(LogitModel& reference, std::span<LogitModel* const> models,
                              const WindowPlan& plan, sys::ThreadPool& pool, const MeasureOptions& options);

}  // namespace mote::measure
