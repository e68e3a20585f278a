// Hadamard rotation of heads. A few elements of a key are often far larger than the others, and a block of 4
// bits then has one step for all of them; turned by a Hadamard matrix H every element is a mixture of all. H
// is symmetric, and H times H is n times the identity: scores stay where keys are turned and queries turned
// by the inverse, and a sum of turned values is turned back by it (Ashkboos et al., "QuaRot", 2024).
#pragma once

#include <cstddef>

namespace mote::engine {

// Sylvester's matrix of order n times each run of n elements of `row`, n the largest power of two that
// divides `dim`; not normalised. Additions in a fixed order.
void hadamard(float* row, std::size_t dim);

// The same by the inverse, H / n.
void hadamard_inverse(float* row, std::size_t dim);

std::size_t hadamard_order(std::size_t dim);  // n

}  // namespace mote::engine
