#include "codec/iq/iq2_xxs.h"

#include <algorithm>
#include <cstring>

#include "codec/block_loops.h"

namespace mote::codec {

void pack_iq2_xxs(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                  Half d, BlockIq2Xxs& out) noexcept {
  out.d = d;
  for (std::size_t s = 0; s < 8; ++s) {
    std::uint32_t word = static_cast<std::uint32_t>(scale_codes[s]) << 28U;
    for (std::size_t k = 0; k < 4; ++k) {
      out.qs[8 * s + k] = static_cast<std::uint8_t>(patterns[4 * s + k]);
      word |= (signs[4 * s + k] & 127U) << (7 * k);
    }
    std::memcpy(out.qs + 8 * s + 4, &word, sizeof word);
  }
}

void unpack_iq2_xxs(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockIq2Xxs>(block, 0);
  const float d = half_to_float(in.d);
  for (std::size_t s = 0; s < 8; ++s) {
    std::uint32_t word = 0;
    std::memcpy(&word, in.qs + 8 * s + 4, sizeof word);
    scales[s] = d * (static_cast<float>(word >> 28U) + 0.5F) * 0.25F;
    mins[s] = 0.0F;
    for (std::size_t k = 0; k < 4; ++k) {
      store_iq2_codes(kGridIq2Xxs[in.qs[8 * s + k]], even_signs((word >> (7 * k)) & 127U),
                      codes + 32 * s + 8 * k);
    }
  }
}

void decode_iq2_xxs(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockIq2Xxs, kFormIq2Xxs, true>(blocks, out, block_count);
}

bool is_finite_iq2_xxs(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockIq2Xxs, &BlockIq2Xxs::d>(blocks, block_count);
}

}  // namespace mote::codec
