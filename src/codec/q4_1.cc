#include "codec/q4_1.h"

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {

void pack_q4_1(const std::uint8_t* codes, Half d, Half m, BlockQ41& out) noexcept {
  out.d = d;
  out.m = m;
  pack_nibbles<16>(codes, out.qs);
}

void unpack_q4_1(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ41>(block, 0);
  unpack_nibbles<16>(in.qs, codes);
  scales[0] = half_to_float(in.d);
  mins[0] = -half_to_float(in.m);
}

void decode_q4_1(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ41, kFormQ41>(blocks, out, block_count);
}

void encode_q4_1(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockQ41::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ41::kElements;
    const auto [min, max] = range_of(x, BlockQ41::kElements);
    const float d = (max - min) / 15.0F;
    const float inverse = inverse_or_zero(d);
    for (std::size_t i = 0; i < BlockQ41::kElements; ++i) {
      codes[i] = truncate_capped((x[i] - min) * inverse + 0.5F, 15);
    }
    BlockQ41 block;
    pack_q4_1(codes, float_to_half(d), float_to_half(min), block);
    store_block(block, blocks, b);
  }
}

bool is_finite_q4_1(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ41, &BlockQ41::d, &BlockQ41::m>(blocks, block_count);
}

}  // namespace mote::codec
