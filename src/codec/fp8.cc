#include "codec/fp8.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "codec/block_loops.h"
#include "codec/rounding.h"
#include "tensor/stored_type.h"

namespace mote::codec {
namespace {

std::array<float, 256> make_values() {
  std::array<float, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = e4m3_to_float(static_cast<std::uint8_t>(i));
  return out;
}

const std::array<float, 256>& values() {
  static const std::array<float, 256> kValues = make_values();
  return kValues;
}

float scale_of(const BlockFp8& block) {
  float value = 0;
  std::memcpy(&value, block.scale, sizeof value);
  return value;
}

}  // namespace

std::uint8_t float_to_e4m3(float value) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint8_t>((bits >> 24U) & 0x80U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return sign | 0x7FU;
  if (magnitude >= std::bit_cast<std::uint32_t>(kLargestE4m3)) return sign | 0x7EU;
  // Eighths of the power of two at or below the value, not below 2^-6, whose eighths the subnormals count.
  // Adding 2^23 of that unit leaves the float nothing finer, rounded to even.
  const int exponent = static_cast<int>(magnitude >> 23U) - 127;
  const int unit = exponent < -6 ? -6 : exponent;
  const float eighths =
      std::bit_cast<float>(static_cast<std::uint32_t>(127 - unit + 3) << 23U);  // 2^(3 - unit)
  const float counted = std::bit_cast<float>(magnitude) * eighths;
  const auto count = static_cast<int>((counted + 8388608.0F) - 8388608.0F);
  // 16 eighths carry into the exponent by themselves.
  return static_cast<std::uint8_t>(sign | ((unit + 6) * 8 + count));
}

void decode_fp8(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  const std::array<float, 256>& of_code = values();
  for (std::size_t b = 0; b < block_count; ++b) {
    const auto in = load_block<BlockFp8>(blocks, b);
    const float scale = scale_of(in);
    for (std::size_t i = 0; i < BlockFp8::kElements; ++i) {
      out[b * BlockFp8::kElements + i] = of_code[in.qs[i]] * scale;
    }
  }
}

void write_fp8_block(float scale, const float* x, std::byte* block) noexcept {
  BlockFp8 out;
  std::memcpy(out.scale, &scale, sizeof scale);
  for (std::size_t i = 0; i < BlockFp8::kElements; ++i) {
    out.qs[i] = scale == 0.0F ? 0 : float_to_e4m3(x[i] / scale);
  }
  store_block(out, block, 0);
}

void encode_fp8(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockFp8::kElements;
    write_fp8_block(absmax(x, BlockFp8::kElements) / kLargestE4m3, x, blocks + b * sizeof(BlockFp8));
  }
}

bool is_finite_fp8(const std::byte* blocks, std::size_t block_count) noexcept {
  bool finite = true;
  for (std::size_t b = 0; b < block_count; ++b) {
    const auto block = load_block<BlockFp8>(blocks, b);
    finite &= std::isfinite(scale_of(block) * kLargestE4m3);
    for (const std::uint8_t code : block.qs) finite &= (code & 0x7FU) != 0x7FU;
  }
  return finite;
}

}  // namespace mote::codec
