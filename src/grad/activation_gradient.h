// Derivatives of the activations (engine/activation.h).
#pragma once

#include <cstddef>

#include "model/spec.h"

namespace mote::grad {

// z = f(gate) * up:  dgate = dz * up * f'(gate), dup = dz * f(gate). dgate and dup may be gate and up.
void gated_gradient(model::Activation f, const float* gate, const float* up, const float* dz, float* dgate,
                    float* dup, std::size_t n);
// z = f(x):  dx = dz * f'(x); dx may be x.
void activation_gradient(model::Activation f, const float* x, const float* dz, float* dx, std::size_t n);

}  // namespace mote::grad
