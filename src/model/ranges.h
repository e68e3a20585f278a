// Range checks of hyperparameters, with the error that names one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mote/result.h"

namespace mote::model {

// Far above any known model (512 experts, 22 used).
inline constexpr std::uint32_t kMaxExperts = 4096;
inline constexpr std::uint32_t kMaxExpertsUsed = 64;

std::string number_text(double value);  // the shortest that reads back as the same number

Error out_of_range(std::string_view name, const std::string& value, const std::string& range);
// MODEL_HPARAM where `value` is outside [low, high]; the second refuses NaN as well.
Result<void> check_count(std::string_view name, std::uint64_t value, std::uint64_t low, std::uint64_t high);
Result<void> check_real(std::string_view name, double value, double low, double high);

}  // namespace mote::model
