#include "codec/iq/iq1_s.h"

#include "codec/block_loops.h"

namespace mote::codec {

void pack_iq1_s(const std::uint16_t* patterns, const bool* shifts_down, const std::uint8_t* scale_codes,
                Half d, BlockIq1S& out) noexcept {
  out.d = d;
  for (std::size_t s = 0; s < 8; ++s) {
    std::uint32_t word = static_cast<std::uint32_t>(scale_codes[s]) << 12U | (shifts_down[s] ? 0x8000U : 0U);
    for (std::size_t k = 0; k < 4; ++k) {
      out.qs[4 * s + k] = static_cast<std::uint8_t>(patterns[4 * s + k]);
      word |= (static_cast<std::uint32_t>(patterns[4 * s + k]) >> 8U) << (3 * k);
    }
    out.qh[s] = static_cast<std::uint16_t>(word);
  }
}

void unpack_iq1_s(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockIq1S>(block, 0);
  const float d = half_to_float(in.d);
  for (std::size_t s = 0; s < 8; ++s) {
    const std::uint32_t word = in.qh[s];
    scales[s] = d * static_cast<float>(2 * ((word >> 12U) & 7U) + 1) * 0.125F;
    mins[s] = 0.0F;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::uint32_t index = in.qs[4 * s + k] | ((word >> (3 * k)) & 7U) << 8U;
      store_iq1_codes(kGridIq1[index], (word & 0x8000U) != 0, codes + 32 * s + 8 * k);
    }
  }
}

void decode_iq1_s(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockIq1S, kFormIq1S, true>(blocks, out, block_count);
}

bool is_finite_iq1_s(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockIq1S, &BlockIq1S::d>(blocks, block_count);
}

}  // namespace mote::codec
