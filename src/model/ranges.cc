#include "model/ranges.h"

#include <charconv>

#include "model/spec.h"

namespace mote::model {

std::string number_text(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

Error out_of_range(std::string_view name, const std::string& value, const std::string& range) {
  return {.code = kModelHparam,
          .message = "cannot use the model: " + std::string(name) + " is " + value + ", expected " + range,
          .hint = "the file is damaged or describes a model that mote does not know",
          .file = {},
          .byte_position = {}};
}

Result<void> check_count(std::string_view name, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return {};
  return out_of_range(name, std::to_string(value), std::to_string(low) + " to " + std::to_string(high));
}

Result<void> check_real(std::string_view name, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return out_of_range(name, number_text(value), number_text(low) + " to " + number_text(high));
}

}  // namespace mote::model
