#include "codec/q4_0.h"

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {

void pack_q4_0(const std::uint8_t* codes, Half d, BlockQ40& out) noexcept {
  out.d = d;
  pack_nibbles<16>(codes, out.qs);
}

void unpack_q4_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ40>(block, 0);
  unpack_nibbles<16>(in.qs, codes);
  scales[0] = half_to_float(in.d);
  mins[0] = 0.0F;
}

void decode_q4_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ40, kFormQ40>(blocks, out, block_count);
}

void encode_q4_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockQ40::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ40::kElements;
    const float d = signed_absmax(x, BlockQ40::kElements) / -8.0F;
    const float inverse = inverse_or_zero(d);
    for (std::size_t i = 0; i < BlockQ40::kElements; ++i) {
      codes[i] = truncate_capped(x[i] * inverse + 8.5F, 15);
    }
    BlockQ40 block;
    pack_q4_0(codes, float_to_half(d), block);
    store_block(block, blocks, b);
  }
}

bool is_finite_q4_0(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ40, &BlockQ40::d>(blocks, block_count);
}

}  // namespace mote::codec
