#include "measure/statistics.h"

#include <algorithm>
#include <cmath>

namespace mote::measure {

Normalizer normalize(std::span<const float> logits) {
  Normalizer n;
  for (std::size_t i = 1; i < logits.size(); ++i) {
    if (logits[i] > logits[n.top]) n.top = i;
  }
  const double max = static_cast<double>(logits[n.top]);
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - max);
  n.log_sum_exp = max + std::log(sum);
  return n;
}

double kl_divergence(std::span<const float> reference, const Normalizer& reference_norm,
                     std::span<const float> model, const Normalizer& model_norm) {
  double sum = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double log_p = static_cast<double>(reference[i]) - reference_norm.log_sum_exp;
    const double p = std::exp(log_p);
    if (p == 0.0) continue;  // also where the reference masks a token with -infinity
    sum += p * (log_p - (static_cast<double>(model[i]) - model_norm.log_sum_exp));
  }
  return sum;
}

Estimate estimate(std::span<const double> values) {
  Estimate e;
  if (values.empty()) return e;
  const double n = static_cast<double>(values.size());
  double sum = 0;
  for (const double v : values) sum += v;
  e.mean = sum / n;
  if (values.size() < 2) return e;
  double squares = 0;
  for (const double v : values) squares += (v - e.mean) * (v - e.mean);
  e.stderr_ = std::sqrt(squares / (n - 1.0) / n);
  return e;
}

double quantile_sorted(std::span<const double> sorted, double q) {
  if (sorted.empty()) return 0;
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (rank - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Perplexity perplexity_of(std::span<const double> nll) {
  const Estimate e = estimate(nll);
  Perplexity p;
  p.nll = e.mean;
  p.ppl = std::exp(e.mean);
  p.ppl_stderr = p.ppl * e.stderr_;
  return p;
}

double bootstrap_stderr(std::span<const double> sums, std::span<const std::size_t> counts, std::size_t draws,
                        Rng rng) {
  const std::size_t n = std::min(sums.size(), counts.size());
  if (n < 2 || draws < 2) return 0;
  std::vector<double> means;
  means.reserve(draws);
  for (std::size_t d = 0; d < draws; ++d) {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const auto chosen = static_cast<std::size_t>(rng.next_below(n));
      sum += sums[chosen];
      count += counts[chosen];
    }
    means.push_back(count == 0 ? 0.0 : sum / static_cast<double>(count));
  }
  const Estimate e = estimate(means);
  return e.stderr_ * std::sqrt(static_cast<double>(draws));  // standard deviation of the drawn means
}

}  // namespace mote::measure
