// Activations of a feed-forward network, and the soft-cap.
#pragma once

#include <cstddef>

#include "kernels/kernel_table.h"
#include "model/spec.h"

namespace mote::engine {

// gate[i] = f(gate[i]) * up[i]; `up` is overwritten.
void activate_gated(const kernels::KernelTable& kernels, model::Activation f, float* gate, float* up,
                    std::size_t n);
// x[i] = f(x[i])
void activate(model::Activation f, float* x, std::size_t n);
// x[i] = cap * tanh(x[i] / cap)
void soft_cap(float* x, std::size_t n, float cap);

}  // namespace mote::engine
