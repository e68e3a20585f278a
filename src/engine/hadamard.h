// Hadamard rotation of heads. A few elements of a key are often far larger than the others, and a block of 4
// bits then has one step for all of them; turned by a Hadamard matrix every element is a mixture of all.
// Scores do not change where queries are turned too, since H transposed times H is n times the identity
// (Ashkboos et al., "QuaRot", 2024).
#pragma once

#include <cstddef>

namespace mote::engine {

// Sylvester's matrix of order n times each run of n elements of `row`, n the largest power of two that
// divides `dim`; not normalised. Additions in a fixed order.
void hadamard(float* row, std::size_t dim);

// n, by which the product of two turned rows is larger.
std::size_t hadamard_order(std::size_t dim);

}  // namespace mote::engine
