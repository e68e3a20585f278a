#include "codec/iq/iq1_m.h"

#include "codec/block_loops.h"

namespace mote::codec {

void pack_iq1_m(const std::uint16_t* patterns, const bool* shifts_down, const std::uint8_t* scale_codes,
                Half d, BlockIq1M& out) noexcept {
  out = BlockIq1M{};
  for (std::size_t j = 0; j < 32; ++j) {
    const std::uint32_t high = (static_cast<std::uint32_t>(patterns[j]) >> 8U) | (shifts_down[j] ? 8U : 0U);
    out.qs[j] = static_cast<std::uint8_t>(patterns[j]);
    out.qh[j / 2] = static_cast<std::uint8_t>(out.qh[j / 2] | high << (4 * (j % 2)));
  }
  for (std::size_t w = 0; w < 4; ++w) {
    std::uint32_t word = (static_cast<std::uint32_t>(d) >> (4 * w) & 15U) << 12U;
    for (std::size_t k = 0; k < 4; ++k) {
      word |= static_cast<std::uint32_t>(scale_codes[4 * w + k]) << (3 * k);
    }
    out.scales[w] = static_cast<std::uint16_t>(word);
  }
}

void unpack_iq1_m(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockIq1M>(block, 0);
  const float d = half_to_float(in.d());
  for (std::size_t s = 0; s < 16; ++s) {
    const std::uint32_t scale = (static_cast<std::uint32_t>(in.scales[s / 4]) >> (3 * (s % 4))) & 7U;
    scales[s] = d * static_cast<float>(2 * scale + 1) * 0.125F;
    mins[s] = 0.0F;
  }
  for (std::size_t j = 0; j < 32; ++j) {
    const std::uint32_t high = static_cast<std::uint32_t>(in.qh[j / 2]) >> (4 * (j % 2));
    store_iq1_codes(kGridIq1[in.qs[j] | (high & 7U) << 8U], (high & 8U) != 0, codes + 8 * j);
  }
}

void decode_iq1_m(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockIq1M, kFormIq1M, true>(blocks, out, block_count);
}

bool is_finite_iq1_m(const std::byte* blocks, std::size_t block_count) noexcept {
  bool finite = true;
  for (std::size_t b = 0; b < block_count; ++b) {
    finite &= is_finite_half(load_block<BlockIq1M>(blocks, b).d());
  }
  return finite;
}

}  // namespace mote::codec
