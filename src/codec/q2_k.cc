#include "codec/q2_k.h"

#include <algorithm>

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/k_rounding.h"
#include "codec/scale_codes.h"

namespace mote::codec {

namespace {

constexpr int kMaxCode = 3;
constexpr int kMaxScaleCode = 15;

}  // namespace

void pack_q2_k(const std::uint8_t* codes, const std::uint8_t* scale_codes, const std::uint8_t* min_codes,
               Half d, Half dmin, BlockQ2K& out) noexcept {
  for (std::size_t s = 0; s < 16; ++s) {
    out.scales[s] = static_cast<std::uint8_t>((scale_codes[s] & 15) | (min_codes[s] & 15) << 4);
  }
  pack_crumbs(codes, 0, out.qs);
  pack_crumbs(codes + 128, 0, out.qs + 32);
  out.d = d;
  out.dmin = dmin;
}

void unpack_scales_q2_k(const std::byte* block, ScaleCodes& out) noexcept {
  const auto in = load_block<BlockQ2K>(block, 0);
  for (std::size_t s = 0; s < 16; ++s) {
    out.scales[s] = static_cast<std::int8_t>(in.scales[s] & 15);
    out.mins[s] = static_cast<std::int8_t>(in.scales[s] >> 4);
  }
  out.factor = in.d;
  out.min_factor = in.dmin;
}

void unpack_q2_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ2K>(block, 0);
  std::fill_n(codes, BlockQ2K::kElements, std::uint8_t{0});
  merge_crumbs(in.qs, 0, codes);
  merge_crumbs(in.qs + 32, 0, codes + 128);
  ScaleCodes scale_codes;
  unpack_scales_q2_k(block, scale_codes);
  scale_values(scale_codes, 16, scales, mins);
}

void decode_q2_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ2K, kFormQ2K>(blocks, out, block_count);
}

void encode_q2_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockQ2K::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ2K::kElements;
    const auto scales = asymmetric_scales<16, 16>(x, kMaxCode, kMaxScaleCode);
    round_asymmetric<16, 16>(x, scales, kMaxCode, codes);
    BlockQ2K block;
    pack_q2_k(codes, scales.scale_codes, scales.min_codes, scales.d, scales.dmin, block);
    store_block(block, blocks, b);
  }
}

bool is_finite_q2_k(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ2K, &BlockQ2K::d, &BlockQ2K::dmin>(blocks, block_count);
}

}  // namespace mote::codec
