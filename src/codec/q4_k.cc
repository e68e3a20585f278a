#include "codec/q4_k.h"

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/k_rounding.h"
#include "codec/k_scales.h"
#include "codec/scale_codes.h"

namespace mote::codec {

namespace {

constexpr int kMaxCode = 15;
constexpr int kMaxScaleCode = 63;

}  // namespace

void pack_q4_k(const std::uint8_t* codes, const std::uint8_t* scale_codes, const std::uint8_t* min_codes,
               Half d, Half dmin, BlockQ4K& out) noexcept {
  out.d = d;
  out.dmin = dmin;
  pack_k_scales(scale_codes, min_codes, out.scales);
  for (std::size_t c = 0; c < 4; ++c) pack_nibbles<32>(codes + 64 * c, out.qs + 32 * c);
}

void unpack_scales_q4_k(const std::byte* block, ScaleCodes& out) noexcept {
  const auto in = load_block<BlockQ4K>(block, 0);
  unpack_k_scales(in.scales, out.scales, out.mins);
  out.factor = in.d;
  out.min_factor = in.dmin;
}

void unpack_q4_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ4K>(block, 0);
  for (std::size_t c = 0; c < 4; ++c) unpack_nibbles<32>(in.qs + 32 * c, codes + 64 * c);
  ScaleCodes scale_codes;
  unpack_scales_q4_k(block, scale_codes);
  scale_values(scale_codes, 8, scales, mins);
}

void decode_q4_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ4K, kFormQ4K>(blocks, out, block_count);
}

void encode_q4_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockQ4K::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ4K::kElements;
    const auto scales = asymmetric_scales<8, 32>(x, kMaxCode, kMaxScaleCode);
    round_asymmetric<8, 32>(x, scales, kMaxCode, codes);
    BlockQ4K block;
    pack_q4_k(codes, scales.scale_codes, scales.min_codes, scales.d, scales.dmin, block);
    store_block(block, blocks, b);
  }
}

bool is_finite_q4_k(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ4K, &BlockQ4K::d, &BlockQ4K::dmin>(blocks, block_count);
}

}  // namespace mote::codec
