#include "codec/q3_k.h"

#include <algorithm>

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/k_rounding.h"
#include "codec/scale_codes.h"

namespace mote::codec {

void pack_q3_k(const std::uint8_t* codes, const std::uint8_t* scale_codes, Half d, BlockQ3K& out) noexcept {
  pack_bit_plane(codes, 2, out.hmask);
  pack_crumbs(codes, 0, out.qs);
  pack_crumbs(codes + 128, 0, out.qs + 32);
  pack_nibbles<8>(scale_codes, out.scales);
  for (std::size_t j = 0; j < 4; ++j) {
    int byte = 0;
    for (std::size_t k = 0; k < 4; ++k) byte |= ((scale_codes[4 * k + j] >> 4) & 3) << (2 * k);
    out.scales[8 + j] = static_cast<std::uint8_t>(byte);
  }
  out.d = d;
}

void unpack_scales_q3_k(const std::byte* block, ScaleCodes& out) noexcept {
  const auto in = load_block<BlockQ3K>(block, 0);
  std::uint8_t low[16];
  unpack_nibbles<8>(in.scales, low);
  for (std::size_t s = 0; s < 16; ++s) {
    const int code = low[s] | ((in.scales[8 + s % 4] >> (2 * (s / 4))) & 3) << 4;
    out.scales[s] = static_cast<std::int8_t>(code - 32);
    out.mins[s] = 0;
  }
  out.factor = in.d;
  out.min_factor = 0;
}

void unpack_q3_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ3K>(block, 0);
  std::fill_n(codes, BlockQ3K::kElements, std::uint8_t{0});
  merge_crumbs(in.qs, 0, codes);
  merge_crumbs(in.qs + 32, 0, codes + 128);
  merge_bit_plane(in.hmask, 2, codes);
  ScaleCodes scale_codes;
  unpack_scales_q3_k(block, scale_codes);
  scale_values(scale_codes, 16, scales, mins);
}

void decode_q3_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ3K, kFormQ3K>(blocks, out, block_count);
}

void encode_q3_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockQ3K::kElements];
  std::uint8_t scale_codes[16];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ3K::kElements;
    const auto scales = symmetric_scales<16, 16>(x, -4, -32);
    round_symmetric<16, 16>(x, scales, 4, codes);
    for (std::size_t s = 0; s < 16; ++s) scale_codes[s] = static_cast<std::uint8_t>(scales.scales[s] + 32);
    BlockQ3K block;
    pack_q3_k(codes, scale_codes, scales.d, block);
    store_block(block, blocks, b);
  }
}

bool is_finite_q3_k(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ3K, &BlockQ3K::d>(blocks, block_count);
}

}  // namespace mote::codec
