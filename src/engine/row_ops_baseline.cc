// RowOps without instruction set extensions: the oracle of the others, and what runs where there is nothing
// better. On 64-bit Arm the baseline has NEON, and 16-byte vectors become its registers.
#include "engine/row_ops.h"
#include "tensor/float16.h"

#define MOTE_NATIVE_BYTES 16
#define MOTE_ROWS 4

namespace mote::engine {
namespace {

using Native = float __attribute__((vector_size(16)));

inline Native fused(Native a, Native b, Native c) { return a * b + c; }

inline void halves_to_floats(const std::uint16_t* in, float* out) {
  for (std::size_t i = 0; i < 16; ++i) out[i] = half_to_float(in[i]);
}

inline void floats_to_halves(const float* in, std::uint16_t* out) {
  for (std::size_t i = 0; i < 16; ++i) out[i] = float_to_half(in[i]);
}

#include "engine/row_ops.inc"

}  // namespace

const RowOps kRowOpsBaseline = kTable;

}  // namespace mote::engine
