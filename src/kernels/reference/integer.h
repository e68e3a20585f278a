// Integer family of the reference: quantized activations and their products.
#pragma once

#include "kernels/kernel_table.h"

namespace mote::kernels::reference {

void quantize_row(const float* x, std::size_t cols, std::int8_t* codes, float* scales,
                  std::int32_t* sums) noexcept;
void matmul_integer(const IntegerMatmul& m) noexcept;

}  // namespace mote::kernels::reference
