#include "quantize/allocate/knapsack.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/checked.h"

namespace mote::quantize {
namespace {

// 211 tensors of 8 types in 2^17 steps are 2 * 10^8 comparisons, a fifth of a second.
constexpr std::uint64_t kMostUnits = std::uint64_t{1} << 17;

using Items = std::span<const std::vector<Candidate>>;

const Candidate& smallest(const std::vector<Candidate>& item) {
  return *std::ranges::min_element(item, {}, &Candidate::bytes);
}

std::uint64_t unit_of(Items items, std::uint64_t room) {
  std::uint64_t common = 0;
  for (const auto& item : items) {
    for (const Candidate& c : item) common = std::gcd(common, c.bytes - smallest(item).bytes);
  }
  return std::max({common, room / kMostUnits + 1, std::uint64_t{1}});
}

std::uint64_t bytes_of(Items items, std::span<const std::size_t> chosen) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < items.size(); ++i) sum += items[i][chosen[i]].bytes;
  return sum;
}

// Spends what rounding has left: the exchange that saves most per byte, again and again.
void spend_rest(Items items, std::uint64_t budget, std::vector<std::size_t>& chosen) {
  std::uint64_t bytes = bytes_of(items, chosen);
  for (;;) {
    std::size_t best_item = items.size();
    std::size_t best = 0;
    double best_gain = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Candidate& now = items[i][chosen[i]];
      for (std::size_t c = 0; c < items[i].size(); ++c) {
        const Candidate& other = items[i][c];
        const double saved = now.cost - other.cost;
        if (!(saved > 0) || bytes - now.bytes + other.bytes > budget) continue;
        const double more = other.bytes > now.bytes ? static_cast<double>(other.bytes - now.bytes) : 1.0;
        if (saved / more <= best_gain) continue;
        best_gain = saved / more;
        best_item = i;
        best = c;
      }
    }
    if (best_item == items.size()) return;
    bytes = bytes - items[best_item][chosen[best_item]].bytes + items[best_item][best].bytes;
    chosen[best_item] = best;
  }
}

}  // namespace

std::optional<std::vector<std::size_t>> choose_within(Items items, std::uint64_t budget) {
  Checked least = 0;
  for (const auto& item : items) least = least + smallest(item).bytes;
  if (!least.value() || *least.value() > budget) return std::nullopt;
  const std::uint64_t room = budget - *least.value();
  const std::uint64_t unit = unit_of(items, room);
  const std::size_t units = room / unit;
  // cost[u]: the least of the items so far with at most u units beyond the smallest ones.
  std::vector<double> cost(units + 1, 0.0);
  std::vector<double> next(units + 1);
  std::vector<std::vector<std::uint16_t>> taken(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    taken[i].assign(units + 1, 0);
    std::ranges::fill(next, std::numeric_limits<double>::infinity());
    const std::uint64_t base = smallest(items[i]).bytes;
    for (std::size_t c = 0; c < items[i].size(); ++c) {
      const std::uint64_t need = (items[i][c].bytes - base + unit - 1) / unit;
      for (std::size_t u = need; u <= units; ++u) {
        const double total = cost[u - need] + items[i][c].cost;
        if (total < next[u]) {
          next[u] = total;
          taken[i][u] = static_cast<std::uint16_t>(c);
        }
      }
    }
    cost.swap(next);
  }
  std::vector<std::size_t> chosen(items.size());
  std::size_t left = units;
  for (std::size_t i = items.size(); i-- > 0;) {
    chosen[i] = taken[i][left];
    left -= (items[i][chosen[i]].bytes - smallest(items[i]).bytes + unit - 1) / unit;
  }
  spend_rest(items, budget, chosen);
  return chosen;
}

}  // namespace mote::quantize
