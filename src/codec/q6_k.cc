#include "codec/q6_k.h"

#include <cstring>

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/k_rounding.h"
#include "codec/scale_codes.h"

namespace mote::codec {

void pack_q6_k(const std::uint8_t* codes, const std::int8_t* scales, Half d, BlockQ6K& out) noexcept {
  for (std::size_t h = 0; h < 2; ++h) {
    pack_nibbles<64>(codes + 128 * h, out.ql + 64 * h);
    pack_crumbs(codes + 128 * h, 4, out.qh + 32 * h);
  }
  std::memcpy(out.scales, scales, sizeof(out.scales));
  out.d = d;
}

void unpack_scales_q6_k(const std::byte* block, ScaleCodes& out) noexcept {
  const auto in = load_block<BlockQ6K>(block, 0);
  for (std::size_t s = 0; s < 16; ++s) {
    out.scales[s] = in.scales[s];
    out.mins[s] = 0;
  }
  out.factor = in.d;
  out.min_factor = 0;
}

void unpack_q6_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ6K>(block, 0);
  for (std::size_t h = 0; h < 2; ++h) {
    unpack_nibbles<64>(in.ql + 64 * h, codes + 128 * h);
    merge_crumbs(in.qh + 32 * h, 4, codes + 128 * h);
  }
  ScaleCodes scale_codes;
  unpack_scales_q6_k(block, scale_codes);
  scale_values(scale_codes, 16, scales, mins);
}

void decode_q6_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ6K, kFormQ6K>(blocks, out, block_count);
}

void encode_q6_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockQ6K::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ6K::kElements;
    const auto scales = symmetric_scales<16, 16>(x, -32, -128);
    round_symmetric<16, 16>(x, scales, 32, codes);
    BlockQ6K block;
    pack_q6_k(codes, scales.scales, scales.d, block);
    store_block(block, blocks, b);
  }
}

bool is_finite_q6_k(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ6K, &BlockQ6K::d>(blocks, block_count);
}

}  // namespace mote::codec
