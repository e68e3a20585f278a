#include "codec/iq/iq3_xxs.h"

#include <algorithm>
#include <cstring>

#include "codec/block_loops.h"

namespace mote::codec {

void pack_iq3_xxs(const std::uint16_t* patterns, const std::uint8_t* signs, const std::uint8_t* scale_codes,
                  Half d, BlockIq3Xxs& out) noexcept {
  out.d = d;
  for (std::size_t j = 0; j < 64; ++j) out.qs[j] = static_cast<std::uint8_t>(patterns[j]);
  for (std::size_t s = 0; s < 8; ++s) {
    std::uint32_t word = static_cast<std::uint32_t>(scale_codes[s]) << 28U;
    for (std::size_t k = 0; k < 4; ++k) word |= (signs[4 * s + k] & 127U) << (7 * k);
    std::memcpy(out.scales_and_signs + 4 * s, &word, sizeof word);
  }
}

void unpack_iq3_xxs(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockIq3Xxs>(block, 0);
  const float d = half_to_float(in.d);
  for (std::size_t s = 0; s < 8; ++s) {
    std::uint32_t word = 0;
    std::memcpy(&word, in.scales_and_signs + 4 * s, sizeof word);
    scales[s] = d * (static_cast<float>(word >> 28U) + 0.5F) * 0.5F;
    mins[s] = 0.0F;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::uint8_t* pair = in.qs + 8 * s + 2 * k;
      store_iq3_codes(kGridIq3Xxs[pair[0]], kGridIq3Xxs[pair[1]], even_signs((word >> (7 * k)) & 127U),
                      codes + 32 * s + 8 * k);
    }
  }
}

void decode_iq3_xxs(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockIq3Xxs, kFormIq3Xxs, true>(blocks, out, block_count);
}

bool is_finite_iq3_xxs(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockIq3Xxs, &BlockIq3Xxs::d>(blocks, block_count);
}

}  // namespace mote::codec
