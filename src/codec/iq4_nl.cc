#include "codec/iq4_nl.h"

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {

void pack_iq4_nl(const std::uint8_t* codes, Half d, BlockIq4Nl& out) noexcept {
  out.d = d;
  pack_nibbles<16>(codes, out.qs);
}

void unpack_iq4_nl(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockIq4Nl>(block, 0);
  unpack_nibbles<16>(in.qs, codes);
  scales[0] = half_to_float(in.d);
  mins[0] = 0.0F;
}

void decode_iq4_nl(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockIq4Nl, kFormIq4Nl, true>(blocks, out, block_count);
}

void encode_iq4_nl(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockIq4Nl::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockIq4Nl::kElements;
    const Half d = float_to_half(signed_absmax(x, BlockIq4Nl::kElements) / static_cast<float>(kIq4Values[0]));
    const float inverse = inverse_or_zero(half_to_float(d));
    for (std::size_t i = 0; i < BlockIq4Nl::kElements; ++i) codes[i] = nearest_iq4_code(x[i] * inverse);
    BlockIq4Nl block;
    pack_iq4_nl(codes, d, block);
    store_block(block, blocks, b);
  }
}

bool is_finite_iq4_nl(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockIq4Nl, &BlockIq4Nl::d>(blocks, block_count);
}

}  // namespace mote::codec
