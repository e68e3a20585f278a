#include "quantize/equivalent/awq.h"

#include <algorithm>
#include <cmath>

namespace mote::quantize {

std::vector<double> relative_magnitudes(std::span<const float> rows, std::size_t columns, std::size_t group) {
  std::vector<double> out(columns, 0.0);
  for (std::size_t first = 0; first < rows.size(); first += columns) {
    for (std::size_t g = 0; g < columns; g += group) {
      const std::span<const float> values = rows.subspan(first + g, group);
      float largest = 0.0F;
      for (const float v : values) largest = std::max(largest, std::abs(v));
      if (!(largest > 0.0F)) continue;
      for (std::size_t i = 0; i < group; ++i) {
        out[g + i] += static_cast<double>(std::abs(values[i])) / static_cast<double>(largest);
      }
    }
  }
  const double count = static_cast<double>(rows.size()) / static_cast<double>(columns);
  for (double& v : out) v /= count;
  return out;
}

std::vector<float> awq_factors(std::span<const double> activations, std::span<const double> weights,
                               double exponent) {
  constexpr double kLeast = 1e-4;
  std::vector<double> factors(activations.size());
  for (std::size_t c = 0; c < factors.size(); ++c) {
    const double weight = weights.empty() ? 1.0 : std::pow(weights[c], 1.0 - exponent) + kLeast;
    factors[c] = std::max(std::pow(activations[c], exponent) / weight, kLeast);
  }
  const auto [least, largest] = std::ranges::minmax_element(factors);
  const double middle = std::sqrt(*least * *largest);
  std::vector<float> out(factors.size());
  std::ranges::transform(factors, out.begin(), [&](double f) { return static_cast<float>(f / middle); });
  return out;
}

}  // namespace mote::quantize
