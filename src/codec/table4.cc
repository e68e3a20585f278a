#include "codec/table4.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {
namespace {

// Codes by rising value; of FP4's two zeros the plain one first.
constexpr std::array<std::uint8_t, 16> kNf4Order = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr std::array<std::uint8_t, 16> kFp4Order = {11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3};

float absmax_of(const BlockTable4& block) {
  float value = 0;
  std::memcpy(&value, block.absmax, sizeof value);
  return value;
}

// Scales of both groups of 32; `levels` is the integer that stands for 1.
void unpack(const std::byte* block, float levels, std::uint8_t* codes, float* scales, float* mins) {
  const auto in = load_block<BlockTable4>(block, 0);
  for (std::size_t j = 0; j < sizeof in.qs; ++j) {
    codes[2 * j] = in.qs[j] >> 4;
    codes[2 * j + 1] = in.qs[j] & 15;
  }
  scales[0] = scales[1] = absmax_of(in) / levels;
  mins[0] = mins[1] = 0.0F;
}

void decode(const std::array<float, 16>& table, const std::byte* blocks, float* out, std::size_t count) {
  for (std::size_t b = 0; b < count; ++b) {
    const auto in = load_block<BlockTable4>(blocks, b);
    const float absmax = absmax_of(in);
    float* x = out + b * BlockTable4::kElements;
    for (std::size_t j = 0; j < sizeof in.qs; ++j) {
      x[2 * j] = table[in.qs[j] >> 4] * absmax;
      x[2 * j + 1] = table[in.qs[j] & 15] * absmax;
    }
  }
}

void encode(const std::array<float, 16>& table, const std::array<std::uint8_t, 16>& order, const float* in,
            std::byte* blocks, std::size_t count) {
  float middle[15];
  for (std::size_t i = 0; i < 15; ++i) middle[i] = (table[order[i]] + table[order[i + 1]]) / 2.0F;
  for (std::size_t b = 0; b < count; ++b) {
    const float* x = in + b * BlockTable4::kElements;
    const float largest = absmax(x, BlockTable4::kElements);
    constexpr float kLeast = 1e-38F;  // what the reference divides by at least
    const float inverse = 1.0F / (largest < kLeast ? kLeast : largest);
    BlockTable4 block;
    std::memcpy(block.absmax, &largest, sizeof largest);
    std::uint8_t codes[BlockTable4::kElements];
    for (std::size_t i = 0; i < BlockTable4::kElements; ++i) {
      float v = x[i] * inverse;
      v = v < -1.0F ? -1.0F : v;
      v = v > 1.0F ? 1.0F : v;
      std::size_t place = 0;
      for (const float m : middle) place += v > m ? 1 : 0;
      codes[i] = order[place];
    }
    pack_table4(codes, block);
    store_block(block, blocks, b);
  }
}

}  // namespace

void pack_table4(const std::uint8_t* codes, BlockTable4& out) noexcept {
  for (std::size_t j = 0; j < sizeof out.qs; ++j) {
    out.qs[j] = static_cast<std::uint8_t>(codes[2 * j] << 4 | codes[2 * j + 1]);
  }
}

void unpack_nf4(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  unpack(block, 127.0F, codes, scales, mins);
}

void unpack_fp4(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  unpack(block, 120.0F, codes, scales, mins);
}

void decode_nf4(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode(kNf4Values, blocks, out, block_count);
}

void decode_fp4(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode(kFp4TableValues, blocks, out, block_count);
}

void encode_nf4(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  encode(kNf4Values, kNf4Order, in, blocks, block_count);
}

void encode_fp4(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  encode(kFp4TableValues, kFp4Order, in, blocks, block_count);
}

bool is_finite_table4(const std::byte* blocks, std::size_t block_count) noexcept {
  bool finite = true;
  for (std::size_t b = 0; b < block_count; ++b) {
    finite &= std::isfinite(absmax_of(load_block<BlockTable4>(blocks, b)));
  }
  return finite;
}

}  // namespace mote::codec
