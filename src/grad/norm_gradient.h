// The derivative of a norm (engine/norms.h) by its input.
#pragma once

#include <cstddef>

#include "model/spec.h"

namespace mote::grad {

// dx[i] += sum over j of dy[j] * d norm(x)[j] / d x[i], all [n]. weight: [n]; the bias has no part in it.
void add_norm_gradient(const model::ModelSpec& spec, const float* x, const float* weight, const float* dy,
                       float* dx, std::size_t n);

}  // namespace mote::grad
