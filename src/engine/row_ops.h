// What the forward computes besides matrix products: norms, gates, scores and weighted sums of attention. One
// table per instruction set; files compiled with its flags include only this header, so that no inline
// function of the rest of the program is compiled with them.
//
// Every function treats each row (each query) the same way whatever the number of rows, and sums in an order
// that depends on positions alone: results do not depend on batching. Between instruction sets they differ in
// the last bits (fused multiply-add).
#pragma once

#include <cstddef>
#include <cstdint>

namespace mote::engine {

inline constexpr std::size_t kLanes = 16;  // positions per key tile; row lengths are padded to it where said
inline constexpr std::size_t kSplit =
    256;  // positions whose softmax is one partial result; a multiple of kLanes
inline constexpr std::size_t kValueRows = 64;  // value rows that are widened together; divides kSplit

struct RowOps {
  // out[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i]. The squares are summed in double. out may be x.
  void (*rms_norm)(const float* x, const float* weight, float* out, std::size_t n, double eps);
  // out[i] = gate[i] / (1 + exp(-gate[i])) * up[i]; out may be gate.
  void (*silu_mul)(const float* gate, const float* up, float* out, std::size_t n);
  // x[i] += y[i] * scale.
  void (*add_scaled)(float* x, const float* y, float scale, std::size_t n);
  // Half to float, exact, and back to nearest even. n is a multiple of kLanes.
  void (*widen_f16)(const std::uint16_t* in, float* out, std::size_t n);
  void (*narrow_f16)(const float* in, std::uint16_t* out, std::size_t n);
  // Codes in blocks of 32 elements. Keys: codes [dim][kLanes], scales [dim / 32][kLanes]; values: codes
  // [dim], scales [dim / 32]. q4 codes pack elements j and j + 16 of a block in one byte, less 8 when read.
  void (*widen_key_q8)(const std::int8_t* codes, const std::uint16_t* scales, float* out, std::size_t dim);
  void (*widen_key_q4)(const std::uint8_t* codes, const std::uint16_t* scales, float* out, std::size_t dim);
  void (*widen_value_q8)(const std::int8_t* codes, const std::uint16_t* scales, float* out, std::size_t dim);
  void (*widen_value_q4)(const std::uint8_t* codes, const std::uint16_t* scales, float* out, std::size_t dim);
  // scores[r * stride + j] = sum over d, in order, of queries[r * dim + d] * tile[d * kLanes + j], j <
  // kLanes.
  void (*scores)(const float* queries, std::size_t rows, std::size_t dim, const float* tile, float* scores,
                 std::size_t stride);
  // Over the first `visible` (at least 1) of `padded` scores: the largest m and the sum of exp(s - m); scores
  // become exp(s - m), and 0 from `visible` to `padded`, a multiple of kLanes.
  void (*softmax)(float* scores, std::size_t visible, std::size_t padded, float* largest, float* sum);
  // sums[r * dim + d] += sum over p < count, in order, of weights[r * stride + p] * values[p * dim + d]. dim
  // is a multiple of kLanes.
  void (*weighted_sum)(const float* weights, std::size_t stride, std::size_t rows, const float* values,
                       std::size_t count, std::size_t dim, float* sums);
};

extern const RowOps kRowOpsBaseline;
#if defined(MOTE_X86)
extern const RowOps kRowOpsAvx2;
extern const RowOps kRowOpsAvx512;
#endif

}  // namespace mote::engine
