#include "report/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace mote::report {
namespace {

std::string format(double value, std::chars_format form, int precision) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // The largest double has 309 digits before the point.
  std::array<char, 400> buffer{};
  const auto [end, status] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, form, std::clamp(precision, 0, 60));
  return status == std::errc{} ? std::string(buffer.data(), end) : "?";
}

// Position of the first significant digit: 0 for 1 to 9.99, -3 for 0.00123.
int exponent_of(double value) {
  return value == 0.0 || !std::isfinite(value) ? 0
                                               : static_cast<int>(std::floor(std::log10(std::abs(value))));
}

}  // namespace

std::string fixed(double value, int decimals) { return format(value, std::chars_format::fixed, decimals); }

std::string significant(double value, int digits) {
  const int exponent = exponent_of(value);
  if (exponent < -4 || exponent >= 6) return format(value, std::chars_format::scientific, digits - 1);
  return fixed(value, std::max(0, digits - 1 - exponent));
}

std::string with_error(double value, double error) {
  constexpr int kDefaultDecimals = 4;
  constexpr int kMaxDecimals = 9;
  const bool usable = std::isfinite(error) && error > 0;
  const int decimals = usable ? std::clamp(1 - exponent_of(error), 0, kMaxDecimals) : kDefaultDecimals;
  return fixed(value, decimals) + " ± " + fixed(error, decimals);
}

std::string percent(double fraction, int decimals) { return fixed(fraction * 100.0, decimals) + " %"; }

std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds < 0.9995) return fixed(seconds * 1e3, 0) + " ms";
  if (seconds < 59.95) return fixed(seconds, 1) + " s";
  const double whole = std::round(seconds);
  const double minutes = std::floor(whole / 60.0);
  const std::string rest = fixed(whole - minutes * 60.0, 0);
  return fixed(minutes, 0) + " min " + (rest.size() < 2 ? "0" : "") + rest + " s";
}

}  // namespace mote::report
