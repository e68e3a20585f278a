#include "codec/iq/iq2_xs.h"

#include "codec/block_loops.h"

namespace mote::codec {

void pack_iq2_xs(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                 Half d, BlockIq2Xs& out) noexcept {
  out.d = d;
  for (std::size_t j = 0; j < 32; ++j) {
    out.qs[j] = static_cast<std::uint16_t>(patterns[j] | (signs[j] & 127U) << 9U);
  }
  for (std::size_t s = 0; s < 8; ++s) {
    out.scales[s] = static_cast<std::uint8_t>(scale_codes[2 * s] | scale_codes[2 * s + 1] << 4);
  }
}

void unpack_iq2_xs(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockIq2Xs>(block, 0);
  const float d = half_to_float(in.d);
  for (std::size_t s = 0; s < 16; ++s) {
    const int scale = in.scales[s / 2] >> (4 * (s % 2)) & 15;
    scales[s] = d * (static_cast<float>(scale) + 0.5F) * 0.25F;
    mins[s] = 0.0F;
  }
  for (std::size_t j = 0; j < 32; ++j) {
    const std::uint32_t word = in.qs[j];
    store_iq2_codes(kGridIq2Xs[word & 511U], even_signs(word >> 9U), codes + 8 * j);
  }
}

void decode_iq2_xs(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockIq2Xs, kFormIq2Xs, true>(blocks, out, block_count);
}

bool is_finite_iq2_xs(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockIq2Xs, &BlockIq2Xs::d>(blocks, block_count);
}

}  // namespace mote::codec
