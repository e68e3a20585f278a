// One table of typed function pointers per instruction set. reference/ fills every entry and is the oracle of
// the others; each set overlays the entries it improves, in rising order (select.h). Dispatch happens once
// per tile or row, never inside a loop. Kernels are single threaded and allocate nothing.
//
// Every entry promises more than closeness: its result is defined operation by operation (order of additions,
// where a fused multiply-add stands, own exponential), so all instruction sets give the same bits, and so
// does any split of rows or columns over calls. The rules:
//   lane sum   16 partial sums, element i goes to lane i % 16 with one fused multiply-add, a last part of
//   fewer
//              than 16 elements is extended by zeros; then lanes l and l + 8 are added, l and l + 4, l and l
//              + 2, l and l + 1
//   NaN and infinities go through as in IEEE arithmetic, but which NaN comes out is not defined
//
// Files compiled with ISA flags include only this header, the .inc files of their family (everything in an
// anonymous namespace), <immintrin.h> or <arm_neon.h>, <cstdint> and <cstddef>: an inline function compiled
// with AVX-512 may be the copy that the linker keeps. scripts/check_isa_objects.py looks for such symbols.
//
// Pointers need no alignment and may end at a page: nothing is read or written past what the contract names.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mote::kernels {

// Elements per scale of quantized activations.
inline constexpr std::size_t kActivationGroup = 32;
// Rows of a weight tile.
inline constexpr std::size_t kTileRows = 16;

// How a tile keeps the scales (and mins) of its groups, 16 rows side by side.
enum class ScaleKind : std::uint8_t {
  half,     // binary16
  single,   // float
  product,  // signed bytes; a scale is float(factor) * float(byte), with a binary16 factor per 256 elements
};
// Elements per factor.
inline constexpr std::size_t kFactorElements = 256;

// Weights [tiles * 16 rows, cols] in execution layout times n quantized activation columns. A tile holds 16
// rows: the codes of all its blocks of 32 elements, scales [groups][16], mins [groups][16] where has_min,
// then for ScaleKind::product factors [cols / 256][16] and those of mins; padded to a multiple of 64 bytes.
// tile_view.inc has the offsets.
//
// A block of b-bit codes takes 64 b bytes, in planes of 8, 4, 2 and 1 bits, the lowest bits of a code first:
// 8; 4; 4 and 1; 4 and 2; 2; 2 and 1. Element 4 i + j of row r is at position p = 4 r + j of the i-th of
// eight:
//   8 bits  byte 64 i + p
//   4       byte 64 (i % 4) + p, bits 4 (i / 4) and up
//   2       byte 64 (i / 4) + p, bits 2 (i % 4) and up
//   1       byte p, bit i
// y[t * y_stride + r] = sum over groups in order of
//   acc = fma(scale_w * scale_a, float(dot + correction), acc), then with has_min acc = fma(-min_w, min_sum,
//   acc)
// where dot = sum of value * activation code, exact in 32 bits. A value is the code, or values[code].
struct IntegerMatmul {
  const std::byte* tiles;  // of the first row tile to compute; 64-byte aligned
  std::size_t tile_bytes;
  std::size_t tile_count;
  std::size_t cols;        // multiple of 32
  std::size_t group;       // 16 or 32
  std::uint8_t code_bits;  // 2, 3, 4, 5, 6 or 8
  ScaleKind scale_kind;    // product: cols is a multiple of 256
  bool has_min;
  // 8 bits: no code is above it, most sets multiply faster below 128. Above 127, and with `values`, the
  // correction has to be of offset 128.
  std::uint8_t max_value;
  const std::uint8_t*
      values;           // up to 4 bits: 16 unsigned values of the codes, or null for the codes themselves
  std::int32_t offset;  // value - offset is -128 to 127
  std::size_t n;        // columns, at least 1
  const std::int8_t* codes;        // [n][cols], -127 to 127
  const float* scales;             // [n][cols / 32]
  const std::int32_t* correction;  // [n][cols / group]: -offset * sum of the group's activation codes
  const float* min_sums;           // [n][cols / group]: scale_a * float(sum); null without has_min
  float* y;                        // rows of the last tile at or above `rows` are not stored
  std::size_t y_stride;
  std::size_t rows;  // counted from the first row of `tiles`
};

// Products of float rows: y[t * y_stride + r] = lane sum of w[r][i] * x[t][i].
template <typename Weight>
struct FloatMatmul {
  const Weight* w;  // [rows], w_stride elements apart
  std::size_t w_stride;
  std::size_t rows;
  const float* x;  // [n], x_stride elements apart
  std::size_t x_stride;
  std::size_t n;
  std::size_t cols;  // any
  float* y;
  std::size_t y_stride;
};

// out[q][d] = out[q][d] then, for p in order, fma(weights[q][p], values[p][d], .)
struct WeightedSum {
  const float* weights;  // [n], weights_stride apart; of `count` positions
  std::size_t weights_stride;
  std::size_t n;
  const float* values;  // [count], values_stride apart
  std::size_t values_stride;
  std::size_t count;
  std::size_t dim;
  float* out;  // [n], out_stride apart
  std::size_t out_stride;
};

// A fragment of an instruction set leaves null what it does not improve.
struct KernelTable {
  // ---- quantized weights
  // x [cols], cols a multiple of 32: per group of 32 amax = max |x|, d = amax / 127, code = x * (127 / amax)
  // rounded to nearest even, and sums [cols / 16] of the codes. Groups with amax < 2^-100 become zeros with d
  // = 0; groups with a NaN or an infinity become zero codes with d = NaN, so that the products are NaN.
  void (*quantize_row)(const float* x, std::size_t cols, std::int8_t* codes, float* scales,
                       std::int32_t* sums) noexcept = nullptr;
  void (*matmul_integer)(const IntegerMatmul& m) noexcept = nullptr;

  // ---- float weights; also q.K over key rows turned to float (rows = positions, n = queries)
  void (*matmul_f32)(const FloatMatmul<float>& m) noexcept = nullptr;
  void (*matmul_f16)(const FloatMatmul<std::uint16_t>& m) noexcept =
      nullptr;  // same bits as converting first
  void (*matmul_bf16)(const FloatMatmul<std::uint16_t>& m) noexcept =
      nullptr;  // same bits as converting first
  void (*weighted_sum)(const WeightedSum& m) noexcept = nullptr;

  // ---- conversions; exact where to float, to nearest even where to half
  void (*f16_to_f32)(const std::uint16_t* in, float* out, std::size_t n) noexcept = nullptr;
  void (*bf16_to_f32)(const std::uint16_t* in, float* out, std::size_t n) noexcept = nullptr;
  void (*f32_to_f16)(const float* in, std::uint16_t* out, std::size_t n) noexcept = nullptr;
  // KV rows in blocks of 32 elements, bytes as GGUF's Q8_0 (34 a block) and Q4_0 (18 a block); n a multiple
  // of 32. The writers round as the codecs' encode_rtn does.
  void (*q8_0_to_f32)(const std::byte* in, float* out, std::size_t n) noexcept = nullptr;
  void (*q4_0_to_f32)(const std::byte* in, float* out, std::size_t n) noexcept = nullptr;
  void (*f32_to_q8_0)(const float* in, std::byte* out, std::size_t n) noexcept = nullptr;
  void (*f32_to_q4_0)(const float* in, std::byte* out, std::size_t n) noexcept = nullptr;

  // ---- element-wise; out may be any of the inputs
  // out[i] = (x[i] * s) * weight[i], s = 1 / sqrt(lane sum of x * x / n + eps)
  void (*rms_norm)(const float* x, const float* weight, float* out, std::size_t n,
                   float eps) noexcept = nullptr;
  void (*add)(const float* a, const float* b, float* out, std::size_t n) noexcept = nullptr;
  // out[i] = fma(b[i], s, a[i])
  void (*add_scaled)(const float* a, const float* b, float s, float* out, std::size_t n) noexcept = nullptr;
  void (*scale)(const float* a, float s, float* out, std::size_t n) noexcept = nullptr;
  // out[i] = (gate[i] / (1 + exp(-gate[i]))) * up[i]
  void (*silu_mul)(const float* gate, const float* up, float* out, std::size_t n) noexcept = nullptr;

  // Rotary position embedding in place, of `heads` vectors `stride` elements apart whose first 2 * pairs
  // elements turn: (a, b) -> (a cos - b sin, a sin + b cos) with a = x[2 i], b = x[2 i + 1] (adjacent) or a =
  // x[i], b = x[i + pairs] (halves); cos and sin [pairs]. As fma(-b, sin, a * cos) and fma(a, sin, b * cos).
  void (*rope_adjacent)(float* x, std::size_t heads, std::size_t stride, std::size_t pairs, const float* cos,
                        const float* sin) noexcept = nullptr;
  void (*rope_halves)(float* x, std::size_t heads, std::size_t stride, std::size_t pairs, const float* cos,
                      const float* sin) noexcept = nullptr;

  // ---- softmax in parts, so that attention can run over blocks of positions
  // -infinity for n = 0; NaNs are skipped, and a zero is +0.
  float (*max)(const float* x, std::size_t n) noexcept = nullptr;
  // x[i] = exp(x[i] - max), returns their lane sum (added, not fused). exp is within 2 ulp of the true value
  // for results of 2^-126 and more; below, 0. exp(-infinity) = 0; NaN stays.
  float (*exp_sum)(float* x, std::size_t n, float max) noexcept = nullptr;
  // The whole of it: exp_sum with the maximum, then scale by 1 / sum.
  void (*softmax)(float* x, std::size_t n) noexcept = nullptr;
};

}  // namespace mote::kernels
