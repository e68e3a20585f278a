#include "codec/iq/iq2_s.h"

#include "codec/block_loops.h"
#include "codec/iq/nearest_pattern.h"
#include "codec/iq/pattern_rounding.h"

namespace mote::codec {

void pack_iq2_s(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                Half d, BlockIq2S& out) noexcept {
  out = BlockIq2S{};
  out.d = d;
  for (std::size_t j = 0; j < 32; ++j) {
    out.qs[j] = static_cast<std::uint8_t>(patterns[j]);
    out.signs[j] = signs[j];
    out.qh[j / 4] = static_cast<std::uint8_t>(out.qh[j / 4] | patterns[j] >> 8 << (2 * (j % 4)));
  }
  for (std::size_t s = 0; s < 8; ++s) {
    out.scales[s] = static_cast<std::uint8_t>(scale_codes[2 * s] | scale_codes[2 * s + 1] << 4);
  }
}

void encode_iq2_s(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  for (std::size_t b = 0; b < block_count; ++b) {
    const auto codes = round_to_patterns<32, 16>(in + b * BlockIq2S::kElements, kNearestIq2S, 0.25F, 43.0F);
    BlockIq2S block;
    pack_iq2_s(codes.patterns, codes.signs, codes.scale_codes, codes.d, block);
    store_block(block, blocks, b);
  }
}

void unpack_iq2_s(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockIq2S>(block, 0);
  const float d = half_to_float(in.d);
  for (std::size_t s = 0; s < 16; ++s) {
    const int scale = in.scales[s / 2] >> (4 * (s % 2)) & 15;
    scales[s] = d * (static_cast<float>(scale) + 0.5F) * 0.25F;
    mins[s] = 0.0F;
  }
  for (std::size_t j = 0; j < 32; ++j) {
    const std::uint32_t high = static_cast<std::uint32_t>(in.qh[j / 4]) >> (2 * (j % 4)) & 3U;
    store_iq2_codes(kGridIq2S[in.qs[j] | high << 8U], in.signs[j], codes + 8 * j);
  }
}

void decode_iq2_s(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockIq2S, kFormIq2S, true>(blocks, out, block_count);
}

bool is_finite_iq2_s(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockIq2S, &BlockIq2S::d>(blocks, block_count);
}

}  // namespace mote::codec
