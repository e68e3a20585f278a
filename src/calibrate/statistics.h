// What calibration knows of the inputs of a model's matrices: sums over tokens, by the tensor's GGUF name.
// Plain data; statistics_file.h reads and writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "calibrate/moment_store.h"
#include "formats/tensor_source.h"
#include "mote/error.h"
#include "mote/result.h"
#include "mote/tokenizer.h"

namespace mote::calibrate {

inline constexpr ErrorCode kStatisticsModel{"STATISTICS_MODEL", ErrorKind::invalid_argument};
inline constexpr ErrorCode kStatisticsShort{"STATISTICS_SHORT", ErrorKind::invalid_argument};
inline constexpr ErrorCode kStatisticsNonfinite{"STATISTICS_NONFINITE", ErrorKind::corrupt_data};

// A mean square of n tokens is off by sqrt(2 / n) of itself where inputs are normal: 18 % at 64 tokens.
inline constexpr std::uint64_t kLeastTokens = 64;

// Of one tensor; of its matrices where it has several (experts), one after the other.
struct InputSums {
  std::vector<std::uint64_t> counts;  // tokens: one number for all matrices, or one of each
  std::vector<double> squares;        // [matrices][cols]: sum over tokens of x^2
  std::vector<double> sums;           // the same of x; empty where nobody has counted it
};

using SumsByTensor = std::map<std::string, InputSums, std::less<>>;

struct Statistics {
  SumsByTensor inputs;
  std::vector<std::string> datasets;  // what the texts were called
  std::uint64_t windows = 0;
  std::size_t window = 0;       // tokens of a window
  std::vector<TokenId> tokens;  // all windows as they went through the model; empty where that is not known
  std::shared_ptr<const MomentStore> moments;  // second moments of inputs; may be null
};

// Adds `other`. Tokens are kept where both have them and their windows are as long, second moments where both
// have the same ones; else they are dropped.
// STATISTICS_MODEL (names the tensor) where a tensor has another size in the two.
Result<void> merge(Statistics& into, const Statistics& other);

// Refuses what is not of this model or has no numbers, and names the tensor: STATISTICS_MODEL (another size,
// or none of the model's tensors at all), STATISTICS_NONFINITE (infinite or NaN sums, negative ones of
// squares), STATISTICS_SHORT (a matrix that saw fewer than `least_tokens`, among matrices that all tokens go
// through; 0 for statistics that others will be added to).
Result<void> check_statistics(const Statistics& statistics, const formats::TensorSource& model,
                              std::uint64_t least_tokens = kLeastTokens);

// Says how many matrices saw fewer than kLeastTokens (rare experts, mostly), and names the first; nothing
// where all saw enough.
std::optional<std::string> warning_of_few(const Statistics& statistics);

// Mean squares of the inputs of a tensor with rows of `cols`, [matrices][cols], each matrix's divided by
// their mean; inputs that are always 0 count 1e-4. Empty where the tensor has no statistics. A matrix that
// saw few tokens (a rare expert) leans on the mean of all matrices of the tensor as if that were kLeastTokens
// more; a tensor that saw none counts all inputs alike.
std::vector<float> importance_of(const Statistics& statistics, std::string_view tensor, std::size_t cols);

}  // namespace mote::calibrate
