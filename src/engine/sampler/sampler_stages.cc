#include "engine/sampler/sampler_stages.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mote::engine {
namespace {

// Above this a heap is slower than selecting from all.
constexpr std::size_t kMaxHeap = 1024;
constexpr std::size_t kFirstSorted = 128;

bool better(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

}  // namespace

Candidates::Candidates(std::size_t vocabulary) {
  candidates_.reserve(vocabulary);
  probabilities_.reserve(vocabulary);
  order_.reserve(vocabulary);
  kept_.reserve(vocabulary);
}

void Candidates::fill(std::span<const float> logits, std::size_t top_k) {
  candidates_.clear();
  sorted_ = 0;
  const std::size_t count = logits.size();
  const float lowest = -std::numeric_limits<float>::infinity();
  if (top_k == 0 || top_k >= count || top_k > kMaxHeap) {
    for (std::size_t i = 0; i < count; ++i) {
      if (logits[i] > lowest) candidates_.push_back({logits[i], static_cast<TokenId>(i)});
    }
    if (top_k > 0 && top_k < candidates_.size()) {
      sort_first(top_k);
      candidates_.resize(top_k);
    }
    return;
  }
  // The worst of the best k is on top; a later token must beat it, since on a tie the lower id stays.
  float worst = lowest;
  for (std::size_t i = 0; i < count; ++i) {
    if (!(logits[i] > worst)) continue;
    if (candidates_.size() == top_k) {
      std::ranges::pop_heap(candidates_, better);
      candidates_.pop_back();
    }
    candidates_.push_back({logits[i], static_cast<TokenId>(i)});
    std::ranges::push_heap(candidates_, better);
    if (candidates_.size() == top_k) worst = candidates_.front().logit;
  }
  std::ranges::sort(candidates_, better);
  sorted_ = candidates_.size();
}

float Candidates::highest_logit() const {
  if (sorted_ > 0) return candidates_.front().logit;
  return std::ranges::max_element(candidates_, {}, &Candidate::logit)->logit;
}

void Candidates::normalise() {
  const double highest = static_cast<double>(highest_logit());
  probabilities_.clear();
  double sum = 0;
  for (const Candidate& candidate : candidates_) {
    probabilities_.push_back(std::exp(static_cast<double>(candidate.logit) - highest));
    sum += probabilities_.back();
  }
  for (double& p : probabilities_) p /= sum;
}

void Candidates::sort_first(std::size_t count) {
  count = std::min(count, candidates_.size());
  if (count <= sorted_) return;
  const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(count);
  if (end != candidates_.end()) std::nth_element(begin, end, candidates_.end(), better);
  std::sort(begin, end, better);
  sorted_ = count;
}

void Candidates::keep_typical(double mass, std::size_t min_keep) {
  if (mass >= 1 || candidates_.size() <= min_keep) return;
  normalise();
  double entropy = 0;
  for (const double p : probabilities_) entropy -= p > 0 ? p * std::log(p) : 0;
  order_.clear();
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    order_.push_back({std::abs(-std::log(probabilities_[i]) - entropy), i});
  }
  std::ranges::sort(order_, [&](const Ranked& a, const Ranked& b) {
    return a.distance != b.distance ? a.distance < b.distance
                                    : candidates_[a.index].id < candidates_[b.index].id;
  });
  kept_.clear();
  double sum = 0;
  for (const Ranked& ranked : order_) {
    kept_.push_back(candidates_[ranked.index]);
    sum += probabilities_[ranked.index];
    if (sum >= mass && kept_.size() >= min_keep) break;
  }
  candidates_.swap(kept_);
  sorted_ = 0;
}

void Candidates::keep_top_p(double mass, std::size_t min_keep) {
  if (mass >= 1 || candidates_.size() <= min_keep) return;
  const double highest = static_cast<double>(highest_logit());
  double total = 0;
  for (const Candidate& candidate : candidates_)
    total += std::exp(static_cast<double>(candidate.logit) - highest);
  double sum = 0;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    // Few tokens are needed as a rule: sort them, and four times as many when they do not do.
    if (i >= sorted_) sort_first(std::max(kFirstSorted, 4 * i));
    sum += std::exp(static_cast<double>(candidates_[i].logit) - highest);
    if (sum / total >= mass && i + 1 >= min_keep) {
      candidates_.resize(i + 1);
      break;
    }
  }
  sorted_ = std::min(sorted_, candidates_.size());
}

void Candidates::keep_min_p(double ratio, std::size_t min_keep) {
  if (ratio <= 0 || candidates_.size() <= min_keep) return;
  const double highest = static_cast<double>(highest_logit());
  const auto stays = [&](const Candidate& c) {
    return std::exp(static_cast<double>(c.logit) - highest) >= ratio;
  };
  const std::size_t count = static_cast<std::size_t>(std::ranges::count_if(candidates_, stays));
  if (count < min_keep || sorted_ == candidates_.size()) {
    sort_first(std::max(count, min_keep));
    candidates_.resize(std::max(count, min_keep));
  } else {
    std::erase_if(candidates_, [&](const Candidate& c) { return !stays(c); });
    sorted_ = std::min(sorted_, candidates_.size());  // the sorted ones in front are those that stay first
  }
}

void Candidates::exclude_top_choices(double probability, double threshold, std::size_t min_keep, Rng& rng) {
  if (probability <= 0 || threshold > 0.5 || candidates_.size() < 2) return;
  if (rng.next_double() >= probability) return;
  normalise();
  const Candidate* least = nullptr;
  std::size_t count = 0;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (probabilities_[i] < threshold) continue;
    ++count;
    if (least == nullptr || better(*least, candidates_[i])) least = &candidates_[i];
  }
  if (count < 2 || candidates_.size() - (count - 1) < min_keep) return;
  const Candidate last = *least;
  // Those that go are exactly the ones ahead of the least likely choice.
  std::erase_if(candidates_, [&](const Candidate& c) { return better(c, last); });
  sorted_ = sorted_ > count - 1 ? sorted_ - (count - 1) : 0;
}

TokenId Candidates::draw(double temperature, Rng& rng) {
  const double highest = static_cast<double>(highest_logit());
  probabilities_.clear();
  double sum = 0;
  for (const Candidate& candidate : candidates_) {
    sum += std::exp((static_cast<double>(candidate.logit) - highest) / temperature);
    probabilities_.push_back(sum);  // cumulative
  }
  const double drawn = rng.next_double() * sum;
  const auto found = std::ranges::upper_bound(probabilities_, drawn);
  const std::size_t i = static_cast<std::size_t>(found - probabilities_.begin());
  return candidates_[std::min(i, candidates_.size() - 1)].id;
}

}  // namespace mote::engine
