#include "codec/q5_1.h"

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {

void pack_q5_1(const std::uint8_t* codes, Half d, Half m, BlockQ51& out) noexcept {
  out.d = d;
  out.m = m;
  pack_fifth_bits(codes, out.qh);
  pack_nibbles<16>(codes, out.qs);
}

void unpack_q5_1(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ51>(block, 0);
  unpack_nibbles<16>(in.qs, codes);
  merge_fifth_bits(in.qh, codes);
  scales[0] = half_to_float(in.d);
  mins[0] = -half_to_float(in.m);
}

void decode_q5_1(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ51, kFormQ51>(blocks, out, block_count);
}

void encode_q5_1(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockQ51::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ51::kElements;
    const auto [min, max] = range_of(x, BlockQ51::kElements);
    const float d = (max - min) / 31.0F;
    const float inverse = inverse_or_zero(d);
    for (std::size_t i = 0; i < BlockQ51::kElements; ++i) {
      codes[i] = truncate_capped((x[i] - min) * inverse + 0.5F, 31);
    }
    BlockQ51 block;
    pack_q5_1(codes, float_to_half(d), float_to_half(min), block);
    store_block(block, blocks, b);
  }
}

bool is_finite_q5_1(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ51, &BlockQ51::d, &BlockQ51::m>(blocks, block_count);
}

}  // namespace mote::codec
