#include "codec/nvfp4.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {

float half_ue4m3(std::uint8_t stored) noexcept {
  if (stored == 0x7F) return 0.0F;
  const int exponent = stored >> 3 & 15;
  const auto fraction = static_cast<float>(stored & 7);
  return exponent == 0 ? std::ldexp(fraction, -10) : std::ldexp(8.0F + fraction, exponent - 11);
}

std::uint8_t nearest_ue4m3(float value) noexcept {
  if (!(value > 0.0F)) return 0;
  const float capped = std::min(value, 448.0F);
  if (capped < 0x1p-6F) {  // subnormal: multiples of 2^-9, of which seven stay so
    return static_cast<std::uint8_t>(round_clamped(capped * 512.0F, 0, 7));
  }
  // Exponent and three bits of fraction of the float, rounded by the fourth; the exponent's bias goes from
  // 127 to 7.
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(capped) - (120U << 23U);
  return static_cast<std::uint8_t>(std::min((bits >> 20U) + (bits >> 19U & 1U), 0x7EU));
}

void pack_nvfp4(const std::uint8_t* codes, const std::uint8_t* d, BlockNvfp4& out) noexcept {
  for (std::size_t s = 0; s < 4; ++s) {
    out.d[s] = d[s];
    pack_nibbles<8>(codes + 16 * s, out.qs + 8 * s);
  }
}

void encode_nvfp4(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockNvfp4::kElements];
  std::uint8_t d[4];
  for (std::size_t b = 0; b < block_count; ++b) {
    for (std::size_t s = 0; s < 4; ++s) {
      const float* x = in + b * BlockNvfp4::kElements + 16 * s;
      const float largest = absmax(x, 16);
      d[s] = std::isfinite(largest) ? nearest_ue4m3(largest / 6.0F) : 0x7F;
      for (std::size_t i = 0; i < 16; ++i) codes[16 * s + i] = nearest_fp4(x[i], half_ue4m3(d[s]));
    }
    BlockNvfp4 block;
    pack_nvfp4(codes, d, block);
    store_block(block, blocks, b);
  }
}

void unpack_nvfp4(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockNvfp4>(block, 0);
  for (std::size_t s = 0; s < 4; ++s) {
    unpack_nibbles<8>(in.qs + 8 * s, codes + 16 * s);
    scales[s] = half_ue4m3(in.d[s]);
    mins[s] = 0.0F;
  }
}

void decode_nvfp4(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockNvfp4, kFormNvfp4, true>(blocks, out, block_count);
}

bool is_finite_nvfp4(const std::byte* blocks, std::size_t block_count) noexcept {
  bool finite = true;
  for (std::size_t b = 0; b < block_count; ++b) {
    for (const std::uint8_t d : load_block<BlockNvfp4>(blocks, b).d) finite &= (d & 0x7FU) != 0x7FU;
  }
  return finite;
}

}  // namespace mote::codec
