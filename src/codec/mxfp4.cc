#include "codec/mxfp4.h"

#include <bit>
#include <cmath>

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {

// The two smallest are subnormal.
float half_exponent(std::uint8_t e) noexcept {
  const std::uint32_t bits = e < 2 ? 0x00200000U << e : static_cast<std::uint32_t>(e - 1) << 23U;
  return std::bit_cast<float>(bits);
}

namespace {

std::uint8_t exponent_for(float largest) {
  if (!std::isfinite(largest)) return 0xFF;
  if (largest == 0.0F) return 0;
  // The logarithm in double, rounded to float: just below a power of two it rounds up to the next integer, in
  // the reference too, and no library's float logarithm decides about bytes.
  const auto logarithm = static_cast<float>(std::log2(static_cast<double>(largest)));
  const int e = static_cast<int>(std::floor(logarithm)) + 125;
  return static_cast<std::uint8_t>(e < 0 ? 0 : e);
}

}  // namespace

void pack_mxfp4(const std::uint8_t* codes, std::uint8_t e, BlockMxfp4& out) noexcept {
  out.e = e;
  pack_nibbles<16>(codes, out.qs);
}

void encode_mxfp4(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockMxfp4::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockMxfp4::kElements;
    const std::uint8_t e = exponent_for(absmax(x, BlockMxfp4::kElements));
    const float d = half_exponent(e);
    for (std::size_t i = 0; i < BlockMxfp4::kElements; ++i) codes[i] = nearest_fp4(x[i], d);
    BlockMxfp4 block;
    pack_mxfp4(codes, e, block);
    store_block(block, blocks, b);
  }
}

void unpack_mxfp4(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockMxfp4>(block, 0);
  unpack_nibbles<16>(in.qs, codes);
  scales[0] = half_exponent(in.e);
  mins[0] = 0.0F;
}

void decode_mxfp4(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockMxfp4, kFormMxfp4, true>(blocks, out, block_count);
}

bool is_finite_mxfp4(const std::byte* blocks, std::size_t block_count) noexcept {
  bool finite = true;
  for (std::size_t b = 0; b < block_count; ++b) {
    const auto block = load_block<BlockMxfp4>(blocks, b);
    if (block.e < 0xFC) continue;  // 12 * 2^(251 - 128) is below the largest float
    std::uint8_t codes[BlockMxfp4::kElements];
    unpack_nibbles<16>(block.qs, codes);
    finite &= block.e != 0xFF;
    for (const std::uint8_t code : codes) {
      finite &= std::isfinite(half_exponent(block.e) * static_cast<float>(kFp4Values[code]));
    }
  }
  return finite;
}

}  // namespace mote::codec
