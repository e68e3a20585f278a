#include "codec/plain_float.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "codec/block_loops.h"
#include "tensor/float16.h"

namespace mote::codec {

void decode_f32(const std::byte* blocks, float* out, std::size_t count) noexcept {
  if (count > 0) std::memcpy(out, blocks, count * sizeof(float));  // memcpy wants pointers even for no bytes
}

void decode_f16(const std::byte* blocks, float* out, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) out[i] = half_to_float(load_block<Half>(blocks, i));
}

void decode_bf16(const std::byte* blocks, float* out, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) out[i] = bhalf_to_float(load_block<BHalf>(blocks, i));
}

void decode_f64(const std::byte* blocks, float* out, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(load_block<double>(blocks, i));
}

void encode_f32(const float* in, std::byte* blocks, std::size_t count) noexcept {
  if (count > 0) std::memcpy(blocks, in, count * sizeof(float));
}

void encode_f16(const float* in, std::byte* blocks, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) store_block(float_to_half(in[i]), blocks, i);
}

void encode_bf16(const float* in, std::byte* blocks, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) store_block(float_to_bhalf(in[i]), blocks, i);
}

void encode_f64(const float* in, std::byte* blocks, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) store_block(static_cast<double>(in[i]), blocks, i);
}

namespace {

// A float is finite where its exponent field is not all ones.
template <typename Bits>
bool all_exponents_finite(const std::byte* blocks, std::size_t count, Bits exponent_mask) {
  bool finite = true;
  for (std::size_t i = 0; i < count; ++i)
    finite &= (load_block<Bits>(blocks, i) & exponent_mask) != exponent_mask;
  return finite;
}

}  // namespace

bool is_finite_f32(const std::byte* blocks, std::size_t count) noexcept {
  return all_exponents_finite<std::uint32_t>(blocks, count, 0x7F800000U);
}

bool is_finite_f16(const std::byte* blocks, std::size_t count) noexcept {
  return all_exponents_finite<Half>(blocks, count, 0x7C00U);
}

bool is_finite_bf16(const std::byte* blocks, std::size_t count) noexcept {
  return all_exponents_finite<BHalf>(blocks, count, 0x7F80U);
}

bool is_finite_f64(const std::byte* blocks, std::size_t count) noexcept {
  bool finite = true;
  for (std::size_t i = 0; i < count; ++i) {
    finite &= std::isfinite(static_cast<float>(load_block<double>(blocks, i)));
  }
  return finite;
}

}  // namespace mote::codec
