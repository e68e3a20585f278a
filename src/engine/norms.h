// Norms of a row, in the two kinds that models have.
#pragma once

#include <cstddef>

#include "engine/weights.h"
#include "kernels/kernel_table.h"
#include "model/spec.h"

namespace mote::engine {

// out[i] = (x[i] - mean) / sqrt(variance + eps) * weight[i] + bias[i], sums in double precision over 8 fixed
// lanes; `bias` may be null, `out` may be `x`. Source: Ba et al., "Layer Normalization", 2016.
void layer_norm(const float* x, const float* weight, const float* bias, float* out, std::size_t n, float eps);

// The spec's kind of norm over `n` elements.
void apply_norm(const kernels::KernelTable& kernels, const model::ModelSpec& spec, const float* x,
                const float* weight, const float* bias, float* out, std::size_t n);
inline void apply_norm(const kernels::KernelTable& kernels, const model::ModelSpec& spec, const float* x,
                       const Norm& norm, float* out) {
  apply_norm(kernels, spec, x, norm.weight.data(), norm.bias.empty() ? nullptr : norm.bias.data(), out,
             norm.weight.size());
}

}  // namespace mote::engine
