#include "kernels/reference/reference.h"

#include <algorithm>
#include <limits>

#include "codec/codec.h"
#include "kernels/reference/integer.h"
#include "kernels/reference/lanes.h"
#include "tensor/float16.h"

namespace mote::kernels {

namespace reference {
namespace {

constexpr std::size_t kKvBlock = 32;

template <typename Weight, typename ToFloat>
void matmul_float(const FloatMatmul<Weight>& m, ToFloat to_float) {
  for (std::size_t t = 0; t < m.n; ++t) {
    const float* x = m.x + t * m.x_stride;
    for (std::size_t r = 0; r < m.rows; ++r) {
      const Weight* w = m.w + r * m.w_stride;
      m.y[t * m.y_stride + r] =
          dot(m.cols, [&](std::size_t i) { return to_float(w[i]); }, [&](std::size_t i) { return x[i]; });
    }
  }
}

void matmul_f32(const FloatMatmul<float>& m) noexcept {
  matmul_float(m, [](float w) { return w; });
}
void matmul_f16(const FloatMatmul<std::uint16_t>& m) noexcept {
  matmul_float(m, [](Half w) { return half_to_float(w); });
}
void matmul_bf16(const FloatMatmul<std::uint16_t>& m) noexcept {
  matmul_float(m, [](BHalf w) { return bhalf_to_float(w); });
}

void weighted_sum(const WeightedSum& m) noexcept {
  for (std::size_t q = 0; q < m.n; ++q) {
    for (std::size_t d = 0; d < m.dim; ++d) {
      float acc = m.out[q * m.out_stride + d];
      for (std::size_t p = 0; p < m.count; ++p) {
        acc = std::fmaf(m.weights[q * m.weights_stride + p], m.values[p * m.values_stride + d], acc);
      }
      m.out[q * m.out_stride + d] = acc;
    }
  }
}

void f16_to_f32(const std::uint16_t* in, float* out, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) out[i] = half_to_float(in[i]);
}
void bf16_to_f32(const std::uint16_t* in, float* out, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) out[i] = bhalf_to_float(in[i]);
}
void f32_to_f16(const float* in, std::uint16_t* out, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) out[i] = float_to_half(in[i]);
}
void q8_0_to_f32(const std::byte* in, float* out, std::size_t n) noexcept {
  codec::codec_of(CodecId::q8_0).decode(in, out, n / kKvBlock);
}
void q4_0_to_f32(const std::byte* in, float* out, std::size_t n) noexcept {
  codec::codec_of(CodecId::q4_0).decode(in, out, n / kKvBlock);
}
void f32_to_q8_0(const float* in, std::byte* out, std::size_t n) noexcept {
  codec::codec_of(CodecId::q8_0).encode_rtn(in, out, n / kKvBlock);
}
void f32_to_q4_0(const float* in, std::byte* out, std::size_t n) noexcept {
  codec::codec_of(CodecId::q4_0).encode_rtn(in, out, n / kKvBlock);
}

void rms_norm(const float* x, const float* weight, float* out, std::size_t n, float eps) noexcept {
  const auto at = [x](std::size_t i) { return x[i]; };
  const float s = 1.0F / std::sqrt(dot(n, at, at) / static_cast<float>(n) + eps);
  for (std::size_t i = 0; i < n; ++i) out[i] = x[i] * s * weight[i];
}

void add(const float* a, const float* b, float* out, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}
void add_scaled(const float* a, const float* b, float s, float* out, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) out[i] = std::fmaf(b[i], s, a[i]);
}
void scale(const float* a, float s, float* out, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) out[i] = a[i] * s;
}
void silu_mul(const float* gate, const float* up, float* out, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0F + exp(-gate[i])) * up[i];
}

void turn(float& a, float& b, float cos, float sin) {
  const float old_a = a;
  a = std::fmaf(-b, sin, old_a * cos);
  b = std::fmaf(old_a, sin, b * cos);
}
void rope_adjacent(float* x, std::size_t heads, std::size_t stride, std::size_t pairs, const float* cos,
                   const float* sin) noexcept {
  for (std::size_t h = 0; h < heads; ++h, x += stride) {
    for (std::size_t i = 0; i < pairs; ++i) turn(x[2 * i], x[2 * i + 1], cos[i], sin[i]);
  }
}
void rope_halves(float* x, std::size_t heads, std::size_t stride, std::size_t pairs, const float* cos,
                 const float* sin) noexcept {
  for (std::size_t h = 0; h < heads; ++h, x += stride) {
    for (std::size_t i = 0; i < pairs; ++i) turn(x[i], x[i + pairs], cos[i], sin[i]);
  }
}

float max(const float* x, std::size_t n) noexcept {
  float best = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < n; ++i) best = x[i] > best ? x[i] : best;
  return best + 0.0F;  // -0 becomes +0
}
float exp_sum(float* x, std::size_t n, float shift) noexcept {
  float lanes[kLanes] = {};
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = exp(x[i] - shift);
    lanes[i % kLanes] += x[i];
  }
  return sum_lanes(lanes);
}
void softmax(float* x, std::size_t n) noexcept { scale(x, 1.0F / exp_sum(x, n, max(x, n)), x, n); }

}  // namespace
}  // namespace reference

constinit const KernelTable kReferenceKernels = {
    .quantize_row = reference::quantize_row,
    .matmul_integer = reference::matmul_integer,
    .matmul_f32 = reference::matmul_f32,
    .matmul_f16 = reference::matmul_f16,
    .matmul_bf16 = reference::matmul_bf16,
    .weighted_sum = reference::weighted_sum,
    .f16_to_f32 = reference::f16_to_f32,
    .bf16_to_f32 = reference::bf16_to_f32,
    .f32_to_f16 = reference::f32_to_f16,
    .q8_0_to_f32 = reference::q8_0_to_f32,
    .q4_0_to_f32 = reference::q4_0_to_f32,
    .f32_to_q8_0 = reference::f32_to_q8_0,
    .f32_to_q4_0 = reference::f32_to_q4_0,
    .rms_norm = reference::rms_norm,
    .add = reference::add,
    .add_scaled = reference::add_scaled,
    .scale = reference::scale,
    .silu_mul = reference::silu_mul,
    .rope_adjacent = reference::rope_adjacent,
    .rope_halves = reference::rope_halves,
    .max = reference::max,
    .exp_sum = reference::exp_sum,
    .softmax = reference::softmax,
};

}  // namespace mote::kernels
