#include "measure/compare.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/strings.h"
#include "measure/statistics.h"
#include "mote/cancel.h"

namespace mote::measure {
namespace {

constexpr ErrorCode kVocabulary{"MEASURE_VOCABULARY", ErrorKind::invalid_argument};
constexpr ErrorCode kNonfinite{"MEASURE_NONFINITE", ErrorKind::corrupt_data};

constexpr std::size_t kBootstrapDraws = 2000;  // the error's own error is then 1 / sqrt(2 * 2000), 1.6 %
constexpr std::uint64_t kBootstrapSeed = 0x6D6F7465;

// What one position says about one model.
struct Score {
  double nll = 0;
  double kld = 0;
  bool agrees = false;  // with the reference's most likely token
  bool right = false;   // its most likely token is the text's
};

// The tokens fed together: [begin, end) of a window; rows are wanted from `first` on.
struct Step {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t first = 0;
};

// The last token of a window predicts nothing that the window holds, so it is not fed.
std::vector<Step> steps_of(const WindowPlan& plan) {
  std::vector<Step> steps;
  if (plan.first_scored > 0) steps.push_back({0, plan.first_scored, plan.first_scored});
  for (std::size_t at = plan.first_scored; at + 1 < plan.context; at += kStepTokens) {
    steps.push_back({at, std::min(at + kStepTokens, plan.context - 1), at});
  }
  return steps;
}

Error nonfinite(std::size_t window, std::size_t position, std::string_view which) {
  return Error{kNonfinite,
               "the logits of " + std::string(which) + " at window " + std::to_string(window) +
                   ", position " + std::to_string(position) + " are not all numbers",
               "check the file with `mote inspect --verify`", "", std::nullopt};
}

Error cancelled() { return Error{kCancelled, "measuring was stopped before its end", "", "", std::nullopt}; }

class Rows {
 public:
  Rows(std::span<const float> data, std::size_t width) : data_(data), width_(width) {}
  [[nodiscard]] std::size_t count() const { return data_.size() / width_; }
  [[nodiscard]] std::span<const float> operator[](std::size_t i) const {
    return data_.subspan(i * width_, width_);
  }

 private:
  std::span<const float> data_;
  std::size_t width_;
};

// Scores rows of positions [step.begin, step.end): with a reference its normalizers and rows, without one
// alone.
struct Reference {
  Rows rows;
  std::span<const Normalizer> norms;
};

void score(sys::ThreadPool& pool, const Rows& rows, std::span<const std::int32_t> next,
           const Reference* reference, std::span<Score> out, std::span<Normalizer> norms) {
  pool.parallel_for(out.size(), 4, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Normalizer norm = normalize(rows[i]);
      const auto target = static_cast<std::size_t>(next[i]);
      out[i].nll = norm.log_sum_exp - static_cast<double>(rows[i][target]);
      out[i].right = norm.top == target;
      if (reference != nullptr) {
        out[i].kld = kl_divergence(reference->rows[i], reference->norms[i], rows[i], norm);
        out[i].agrees = norm.top == reference->norms[i].top;
      }
      if (!norms.empty()) norms[i] = norm;
    }
  });
}

Result<Rows> feed(LogitModel& model, std::span<const std::int32_t> window, const Step& step,
                  std::size_t vocabulary) {
  MOTE_ASSIGN(const std::span<const float> data,
              model.feed(window.subspan(step.begin, step.end - step.begin), step.first - step.begin));
  return Rows(data, vocabulary);
}

std::optional<std::size_t> first_nonfinite(std::span<const Score> scores) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!std::isfinite(scores[i].nll) || !std::isfinite(scores[i].kld)) return i;
  }
  return std::nullopt;
}

Result<void> check_targets(const WindowPlan& plan, std::size_t vocabulary) {
  for (const auto& window : plan.windows) {
    for (const std::int32_t token : window) {
      if (token < 0 || static_cast<std::size_t>(token) >= vocabulary) {
        return Error{kVocabulary,
                     "the text has token " + std::to_string(token) + ", the model's vocabulary " +
                         with_thousands(vocabulary) + " entries",
                     "the tokenizer does not belong to this model", "", std::nullopt};
      }
    }
  }
  return {};
}

std::vector<double> column(std::span<const Score> scores, double Score::* field) {
  std::vector<double> values;
  values.reserve(scores.size());
  for (const Score& s : scores) values.push_back(s.*field);
  return values;
}

Divergence divergence_of(std::span<const Score> scores, std::span<const Score> reference) {
  Divergence d;
  std::vector<double> kld = column(scores, &Score::kld);
  const Estimate e = estimate(kld);
  d.kld_mean = e.mean;
  d.kld_stderr = e.stderr_;
  std::sort(kld.begin(), kld.end());
  d.kld_median = quantile_sorted(kld, 0.5);
  d.kld_p99 = quantile_sorted(kld, 0.99);
  d.kld_max = kld.empty() ? 0 : kld.back();
  std::vector<double> agrees;
  double flips = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    agrees.push_back(scores[i].agrees ? 1.0 : 0.0);
    if (scores[i].right != reference[i].right) flips += 1.0;
  }
  const Estimate top1 = estimate(agrees);
  d.top1_agreement = top1.mean;
  d.top1_stderr = top1.stderr_;
  d.flips = scores.empty() ? 0 : flips / static_cast<double>(scores.size());
  d.perplexity = perplexity_of(column(scores, &Score::nll));
  return d;
}

PairDifference pair_of(std::size_t a, std::size_t b, std::span<const Score> of_a, std::span<const Score> of_b,
                       std::size_t per_window) {
  PairDifference pair{a, b, 0, 0};
  std::vector<double> sums;
  std::vector<std::size_t> counts;
  double total = 0;
  for (std::size_t at = 0; at < of_a.size(); at += per_window) {
    double sum = 0;
    for (std::size_t i = at; i < at + per_window; ++i) sum += of_b[i].kld - of_a[i].kld;
    sums.push_back(sum);
    counts.push_back(per_window);
    total += sum;
  }
  if (!of_a.empty()) pair.kld_difference = total / static_cast<double>(of_a.size());
  pair.stderr_ = bootstrap_stderr(sums, counts, kBootstrapDraws, Rng(kBootstrapSeed));
  return pair;
}

}  // namespace

Result<PerplexityResult> measure_perplexity(LogitModel& model, const WindowPlan& plan, sys::ThreadPool& pool,
                                            const MeasureOptions& options) {
  const std::size_t vocabulary = model.vocabulary();
  MOTE_TRY(check_targets(plan, vocabulary));
  std::vector<Score> scores(plan.scored());
  const std::vector<Step> steps = steps_of(plan);
  std::size_t done = 0;
  for (std::size_t w = 0; w < plan.windows.size(); ++w) {
    if (options.progress) options.progress(w, plan.windows.size());
    const std::span<const std::int32_t> window = plan.windows[w];
    MOTE_TRY(model.restart());
    for (const Step& step : steps) {
      if (options.cancel != nullptr && options.cancel->requested()) return cancelled();
      MOTE_ASSIGN(const Rows rows, feed(model, window, step, vocabulary));
      const std::span<Score> out = std::span(scores).subspan(done, step.end - step.first);
      score(pool, rows, window.subspan(step.first + 1), nullptr, out, {});
      if (const auto bad = first_nonfinite(out)) return nonfinite(w, step.first + *bad, "the model");
      done += out.size();
    }
  }
  if (options.progress) options.progress(plan.windows.size(), plan.windows.size());
  return PerplexityResult{perplexity_of(column(scores, &Score::nll)), scores.size(), plan.windows.size()};
}

Result<CompareResult> compare(LogitModel& reference, std::span<LogitModel* const> models,
                              const WindowPlan& plan, sys::ThreadPool& pool, const MeasureOptions& options) {
  const std::size_t vocabulary = reference.vocabulary();
  MOTE_TRY(check_targets(plan, vocabulary));
  for (const LogitModel* model : models) {
    if (model->vocabulary() != vocabulary) {
      return Error{kVocabulary,
                   "the reference has " + with_thousands(vocabulary) + " vocabulary entries, a model has " +
                       with_thousands(model->vocabulary()),
                   "compare models that share a tokenizer", "", std::nullopt};
    }
  }
  std::vector<Score> reference_scores(plan.scored());
  std::vector<std::vector<Score>> scores(models.size(), std::vector<Score>(plan.scored()));
  std::vector<Normalizer> norms(kStepTokens);
  const std::vector<Step> steps = steps_of(plan);
  std::size_t done = 0;
  for (std::size_t w = 0; w < plan.windows.size(); ++w) {
    if (options.progress) options.progress(w, plan.windows.size());
    const std::span<const std::int32_t> window = plan.windows[w];
    MOTE_TRY(reference.restart());
    for (LogitModel* model : models) MOTE_TRY(model->restart());
    for (const Step& step : steps) {
      if (options.cancel != nullptr && options.cancel->requested()) return cancelled();
      const std::size_t count = step.end - step.first;
      const std::span<const std::int32_t> next = window.subspan(step.first + 1);
      MOTE_ASSIGN(const Rows rows, feed(reference, window, step, vocabulary));
      const std::span<Score> out = std::span(reference_scores).subspan(done, count);
      score(pool, rows, next, nullptr, out, std::span(norms).first(count));
      if (const auto bad = first_nonfinite(out)) return nonfinite(w, step.first + *bad, "the reference");
      const Reference paired{rows, std::span(norms).first(count)};
      for (std::size_t m = 0; m < models.size(); ++m) {
        MOTE_ASSIGN(const Rows model_rows, feed(*models[m], window, step, vocabulary));
        const std::span<Score> model_out = std::span(scores[m]).subspan(done, count);
        score(pool, model_rows, next, &paired, model_out, {});
        if (const auto bad = first_nonfinite(model_out)) {
          return nonfinite(w, step.first + *bad, "model " + std::to_string(m + 1));
        }
      }
      done += count;
    }
  }
  if (options.progress) options.progress(plan.windows.size(), plan.windows.size());
  CompareResult result;
  result.tokens = plan.scored();
  result.windows = plan.windows.size();
  result.reference = perplexity_of(column(reference_scores, &Score::nll));
  for (std::size_t a = 0; a < models.size(); ++a) {
    result.models.push_back(divergence_of(scores[a], reference_scores));
    for (std::size_t b = a + 1; b < models.size(); ++b) {
      result.pairs.push_back(pair_of(a, b, scores[a], scores[b], plan.scored_per_window()));
    }
  }
  return result;
}

}  // namespace mote::measure
