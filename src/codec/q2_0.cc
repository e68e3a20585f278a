#include "codec/q2_0.h"

#include <algorithm>
#include <cstring>

#include "codec/block_loops.h"
#include "codec/ternary.h"

namespace mote::codec {

void pack_q2_0(const std::uint8_t* codes, Half d, BlockQ20& out) noexcept {
  for (std::size_t j = 0; j < 16; ++j) {
    int byte = 0;
    for (std::size_t k = 0; k < 4; ++k) byte |= (codes[4 * j + k] & 3) << (2 * k);
    out.qs[j] = static_cast<std::uint8_t>(byte);
  }
  out.d = d;
}

void encode_q2_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  encode_ternary<BlockQ20, pack_q2_0>(in, blocks, block_count);
}

void unpack_q2_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ20>(block, 0);
  for (std::size_t j = 0; j < 16; ++j) {
    for (std::size_t k = 0; k < 4; ++k) codes[4 * j + k] = static_cast<std::uint8_t>(in.qs[j] >> (2 * k) & 3);
  }
  std::fill_n(scales, 2, half_to_float(in.d));
  std::fill_n(mins, 2, 0.0F);
}

void decode_q2_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ20, kFormQ20>(blocks, out, block_count);
}

bool is_finite_q2_0(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ20, &BlockQ20::d>(blocks, block_count);
}

}  // namespace mote::codec
