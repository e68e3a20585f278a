// Statistics of distributions and of their differences, in float64 with a fixed order of summation.
//
// KL divergence and log-softmax are computed as defined (max subtracted, no table, no truncation), so that
// the divergence of a model from itself is exactly 0 and small differences are not lost in a floor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "mote/measure.h"

namespace mote::measure {

// What scoring needs of one row of logits: log p(i) = logits[i] - log_sum_exp.
struct Normalizer {
  double log_sum_exp = 0;  // log(sum over i of exp(logits[i])), max subtracted inside
  std::size_t top = 0;     // index of the largest logit, the first of equals
};
// Requires a non-empty row. A row with NaN gives NaN.
Normalizer normalize(std::span<const float> logits);

// KL(p || q) in nats, p = softmax(reference), q = softmax(model). Rows of one length. Not negative beyond
// rounding; terms with p = 0 are 0.
double kl_divergence(std::span<const float> reference, const Normalizer& reference_norm,
                     std::span<const float> model, const Normalizer& model_norm);

// Mean with the standard error of the mean, s / sqrt(n), s with n - 1 (0 for n < 2).
struct Estimate {
  double mean = 0;
  double stderr_ = 0;
};
Estimate estimate(std::span<const double> values);

// Quantile of sorted values by linear interpolation between closest ranks, numpy.quantile's default. q in [0,
// 1].
double quantile_sorted(std::span<const double> sorted, double q);

// Perplexity exp(mean nll) and its standard error by the delta method: ppl * stderr(mean nll).
Perplexity perplexity_of(std::span<const double> nll);

// Standard error of a mean over chunks, by drawing chunks with replacement (Efron, "Bootstrap methods:
// another look at the jackknife", 1979): positions of a chunk depend on each other, chunks hardly do. `sums`
// and `counts` per chunk. The same seed gives the same figure. 0 for fewer than two chunks.
double bootstrap_stderr(std::span<const double> sums, std::span<const std::size_t> counts, std::size_t draws,
                        Rng rng);

}  // namespace mote::measure
