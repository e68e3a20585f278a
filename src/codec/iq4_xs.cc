#include "codec/iq4_xs.h"

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/k_rounding.h"
#include "codec/scale_codes.h"

namespace mote::codec {

void pack_iq4_xs(const std::uint8_t* codes, const std::uint8_t* scale_codes, Half d,
                 BlockIq4Xs& out) noexcept {
  out.d = d;
  unsigned high = 0;
  for (std::size_t s = 0; s < 8; ++s) high |= ((scale_codes[s] >> 4U) & 3U) << (2 * s);
  out.scales_h = static_cast<std::uint16_t>(high);
  for (std::size_t j = 0; j < 4; ++j) {
    out.scales_l[j] =
        static_cast<std::uint8_t>((scale_codes[2 * j] & 15) | (scale_codes[2 * j + 1] & 15) << 4);
  }
  for (std::size_t s = 0; s < 8; ++s) pack_nibbles<16>(codes + 32 * s, out.qs + 16 * s);
}

void unpack_scales_iq4_xs(const std::byte* block, ScaleCodes& out) noexcept {
  const auto in = load_block<BlockIq4Xs>(block, 0);
  for (std::size_t s = 0; s < 8; ++s) {
    const int low = (in.scales_l[s / 2] >> (4 * (s % 2))) & 15;
    const int high = (in.scales_h >> (2 * s)) & 3;
    out.scales[s] = static_cast<std::int8_t>((low | high << 4) - 32);
    out.mins[s] = 0;
  }
  out.factor = in.d;
  out.min_factor = 0;
}

void unpack_iq4_xs(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockIq4Xs>(block, 0);
  for (std::size_t s = 0; s < 8; ++s) unpack_nibbles<16>(in.qs + 16 * s, codes + 32 * s);
  ScaleCodes scale_codes;
  unpack_scales_iq4_xs(block, scale_codes);
  scale_values(scale_codes, 8, scales, mins);
}

void decode_iq4_xs(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockIq4Xs, kFormIq4Xs, true>(blocks, out, block_count);
}

void encode_iq4_xs(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockIq4Xs::kElements];
  std::uint8_t scale_codes[8];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockIq4Xs::kElements;
    const auto scales = symmetric_scales<8, 32>(x, kIq4Values[0], -32);
    for (std::size_t s = 0; s < 8; ++s) {
      const float inverse = inverse_or_zero(scales.step(s));
      for (std::size_t i = 32 * s; i < 32 * (s + 1); ++i) codes[i] = nearest_iq4_code(x[i] * inverse);
      scale_codes[s] = static_cast<std::uint8_t>(scales.scales[s] + 32);
    }
    BlockIq4Xs block;
    pack_iq4_xs(codes, scale_codes, scales.d, block);
    store_block(block, blocks, b);
  }
}

bool is_finite_iq4_xs(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockIq4Xs, &BlockIq4Xs::d>(blocks, block_count);
}

}  // namespace mote::codec
