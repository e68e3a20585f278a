#include "codec/iq/iq3_s.h"

#include <algorithm>

#include "codec/block_loops.h"
#include "codec/iq/nearest_pattern.h"
#include "codec/iq/pattern_rounding.h"

namespace mote::codec {

void pack_iq3_s(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                Half d, BlockIq3S& out) noexcept {
  out = BlockIq3S{};
  out.d = d;
  for (std::size_t j = 0; j < 64; ++j) {
    out.qs[j] = static_cast<std::uint8_t>(patterns[j]);
    out.qh[j / 8] = static_cast<std::uint8_t>(out.qh[j / 8] | patterns[j] >> 8 << (j % 8));
  }
  std::copy_n(signs, 32, out.signs);
  for (std::size_t s = 0; s < 4; ++s) {
    out.scales[s] = static_cast<std::uint8_t>(scale_codes[2 * s] | scale_codes[2 * s + 1] << 4);
  }
}

void encode_iq3_s(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  for (std::size_t b = 0; b < block_count; ++b) {
    // d * (2 s + 1) is 2 d * (s + 1/2).
    const auto codes = round_to_patterns<64, 8>(in + b * BlockIq3S::kElements, kNearestIq3S, 2.0F, 15.0F);
    BlockIq3S block;
    pack_iq3_s(codes.patterns, codes.signs, codes.scale_codes, codes.d, block);
    store_block(block, blocks, b);
  }
}

void unpack_iq3_s(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockIq3S>(block, 0);
  const float d = half_to_float(in.d);
  for (std::size_t s = 0; s < 8; ++s) {
    const int scale = in.scales[s / 2] >> (4 * (s % 2)) & 15;
    scales[s] = d * static_cast<float>(2 * scale + 1);
    mins[s] = 0.0F;
  }
  for (std::size_t j = 0; j < 32; ++j) {
    const std::uint32_t high = static_cast<std::uint32_t>(in.qh[j / 4]) >> (2 * (j % 4));
    store_iq3_codes(kGridIq3S[in.qs[2 * j] | (high & 1U) << 8U],
                    kGridIq3S[in.qs[2 * j + 1] | (high & 2U) << 7U], in.signs[j], codes + 8 * j);
  }
}

void decode_iq3_s(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockIq3S, kFormIq3S, true>(blocks, out, block_count);
}

bool is_finite_iq3_s(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockIq3S, &BlockIq3S::d>(blocks, block_count);
}

}  // namespace mote::codec
