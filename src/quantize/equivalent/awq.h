// Factors of channels after "AWQ" (Lin et al., 2023): channels that carry much are made larger before
// rounding and divided again afterwards, so that rounding errs where it does not matter.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace mote::quantize {

// Mean over rows of |w| over the largest |w| of its group, for each column. rows: [n][columns], n at least 1;
// `group` divides the columns. Groups of zeros count 0.
std::vector<double> relative_magnitudes(std::span<const float> rows, std::size_t columns, std::size_t group);

// x^r / (w^(1-r) + 1e-4) for each channel (x^r alone where `weights` is empty), at least 1e-4, with the
// product of the largest and the least made 1. activations: mean |x|; weights: relative_magnitudes(). All
// factors are finite and above 0.
std::vector<float> awq_factors(std::span<const double> activations, std::span<const double> weights,
                               double exponent);

}  // namespace mote::quantize
