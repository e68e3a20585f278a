#include "calibrate/statistics.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"

namespace mote::calibrate {
namespace {

constexpr double kFloor = 1e-4;  // of the mean: inputs that are always 0 count a little

Error other_size(const std::string& tensor, std::size_t found, std::size_t expected) {
  return {kStatisticsModel,
          "the statistics of tensor '" + escape_untrusted(tensor) + "' are of " + with_thousands(found) +
              " inputs, not of " + with_thousands(expected),
          "calibrate the model that is to be quantized",
          {},
          {}};
}

void add(std::vector<double>& into, const std::vector<double>& other) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] += other[i];
}

// One count for all matrices becomes one of each.
void widen_counts(std::vector<std::uint64_t>& counts, std::size_t matrices) {
  if (counts.size() == 1) counts.resize(matrices, counts.front());
}

Result<void> merge_tensor(const std::string& name, InputSums& into, const InputSums& other) {
  if (into.squares.size() != other.squares.size()) {
    return other_size(name, other.squares.size(), into.squares.size());
  }
  const std::size_t matrices = std::max(into.counts.size(), other.counts.size());
  std::vector<std::uint64_t> more = other.counts;
  widen_counts(into.counts, matrices);
  widen_counts(more, matrices);
  if (into.counts.size() != more.size()) return other_size(name, more.size(), into.counts.size());
  for (std::size_t i = 0; i < matrices; ++i) into.counts[i] += more[i];
  add(into.squares, other.squares);
  if (into.sums.size() != other.sums.size()) {
    into.sums.clear();
  } else {
    add(into.sums, other.sums);
  }
  return {};
}

bool is_experts(const Shape& shape) { return shape.rank() == 3; }

Error not_finite(const std::string& tensor, double found, std::string_view expected) {
  return {kStatisticsNonfinite,
          "the statistics of tensor '" + escape_untrusted(tensor) + "' hold " + std::to_string(found) +
              " where a " + std::string(expected) + " belongs",
          "calibrate again; the model's activations may have overflowed",
          {},
          {}};
}

Result<void> check_tensor(const std::string& name, const InputSums& of, const Shape& shape,
                          std::uint64_t least_tokens) {
  const std::size_t matrices = is_experts(shape) ? shape.dims()[0] : 1;
  if (of.squares.size() != matrices * shape.cols()) {
    return other_size(name, of.squares.size(), matrices * shape.cols());
  }
  if (of.counts.size() != 1 && of.counts.size() != matrices) {
    return other_size(name, of.counts.size(), matrices);
  }
  for (const double x : of.squares) {
    if (!std::isfinite(x) || x < 0) return not_finite(name, x, "sum of squares");
  }
  for (const double x : of.sums) {
    if (!std::isfinite(x)) return not_finite(name, x, "sum");
  }
  const std::uint64_t tokens = *std::ranges::max_element(of.counts);
  if (tokens < least_tokens && !is_experts(shape)) {
    return Error{kStatisticsShort,
                 "tensor '" + escape_untrusted(name) + "' has statistics of " + with_thousands(tokens) +
                     " tokens only, less than " + with_thousands(least_tokens),
                 "calibrate with more text",
                 {},
                 {}};
  }
  return {};
}

Result<void> check_moments(const Statistics& statistics, const formats::TensorSource& model) {
  if (statistics.moments == nullptr) return {};
  for (const MomentEntry& entry : statistics.moments->entries()) {
    const auto index = model.find(entry.tensor);
    if (!index) continue;
    const Shape& shape = model.tensors()[*index].shape;
    const std::size_t matrices = is_experts(shape) ? shape.dims()[0] : 1;
    if (entry.matrices() != matrices || entry.cols != shape.cols()) {
      return other_size(entry.tensor, entry.matrices() * entry.cols, matrices * shape.cols());
    }
  }
  return {};
}

}  // namespace

Result<void> merge(Statistics& into, const Statistics& other) {
  const bool first = into.inputs.empty();
  for (const auto& [name, sums] : other.inputs) {
    const auto found = into.inputs.find(name);
    if (found == into.inputs.end()) {
      into.inputs.emplace(name, sums);
    } else {
      MOTE_TRY(merge_tensor(name, found->second, sums));
    }
  }
  const bool known = first || (!into.tokens.empty() && into.window == other.window);
  if (known && !other.tokens.empty()) {
    into.tokens.insert(into.tokens.end(), other.tokens.begin(), other.tokens.end());
    into.window = other.window;
  } else {
    into.tokens.clear();
    into.window = std::max(into.window, other.window);
  }
  into.moments = first ? other.moments : added(into.moments, other.moments);
  into.windows += other.windows;
  into.datasets.insert(into.datasets.end(), other.datasets.begin(), other.datasets.end());
  return {};
}

Result<void> check_statistics(const Statistics& statistics, const formats::TensorSource& model,
                              std::uint64_t least_tokens) {
  bool any = false;
  for (const formats::TensorInfo& info : model.tensors()) {
    const auto found = statistics.inputs.find(info.name);
    if (found == statistics.inputs.end()) continue;
    any = true;
    MOTE_TRY(check_tensor(found->first, found->second, info.shape, least_tokens));
  }
  if (any) return check_moments(statistics, model);
  const std::string first =
      statistics.inputs.empty() ? "none" : "'" + escape_untrusted(statistics.inputs.begin()->first) + "'";
  return Error{kStatisticsModel,
               "the statistics are of none of the model's tensors; the first of theirs is " + first,
               "calibrate the model that is to be quantized",
               {},
               {}};
}

std::optional<std::string> warning_of_few(const Statistics& statistics) {
  std::size_t few = 0;
  std::size_t all = 0;
  std::string first;
  for (const auto& [name, of] : statistics.inputs) {
    for (std::size_t m = 0; m < of.counts.size(); ++m, ++all) {
      if (of.counts[m] >= kLeastTokens) continue;
      if (few++ == 0) {
        first = "matrix " + std::to_string(m) + " of '" + escape_untrusted(name) + "' saw " +
                with_thousands(of.counts[m]);
      }
    }
  }
  if (few == 0) return std::nullopt;
  return with_thousands(few) + " of " + with_thousands(all) + " matrices saw fewer than " +
         with_thousands(kLeastTokens) + " tokens, the first: " + first +
         "; give more text, or text of other kinds";
}

std::vector<float> importance_of(const Statistics& statistics, std::string_view tensor, std::size_t cols) {
  const auto found = statistics.inputs.find(tensor);
  if (found == statistics.inputs.end() || cols == 0) return {};
  const InputSums& of = found->second;
  const std::size_t matrices = of.squares.size() / cols;
  const auto count_of = [&](std::size_t m) { return of.counts.size() == 1 ? of.counts[0] : of.counts[m]; };
  std::vector<double> all(cols, 0.0);
  double total = 0;
  for (std::size_t m = 0; m < matrices; ++m) {
    for (std::size_t c = 0; c < cols; ++c) all[c] += of.squares[m * cols + c];
    total += static_cast<double>(count_of(m));
  }
  const double leaning = matrices > 1 && total > 0 ? static_cast<double>(kLeastTokens) / total : 0.0;
  std::vector<float> out(of.squares.size());
  std::vector<double> own(cols);
  for (std::size_t m = 0; m < matrices; ++m) {
    // The sum with the others' mean added; its scale is of no account.
    double mean = 0;
    for (std::size_t c = 0; c < cols; ++c) {
      own[c] = of.squares[m * cols + c] + leaning * all[c];
      mean += own[c] / static_cast<double>(cols);
    }
    for (std::size_t c = 0; c < cols; ++c) {
      out[m * cols + c] = mean > 0 ? static_cast<float>(std::max(own[c] / mean, kFloor)) : 1.0F;
    }
  }
  return out;
}

}  // namespace mote::calibrate
