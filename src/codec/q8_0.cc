#include "codec/q8_0.h"

#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {

void pack_q8_0(const std::uint8_t* codes, Half d, BlockQ80& out) noexcept {
  out.d = d;
  for (std::size_t i = 0; i < BlockQ80::kElements; ++i) out.qs[i] = static_cast<std::int8_t>(codes[i] - 128);
}

void unpack_q8_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ80>(block, 0);
  for (std::size_t i = 0; i < BlockQ80::kElements; ++i) codes[i] = static_cast<std::uint8_t>(in.qs[i] + 128);
  scales[0] = half_to_float(in.d);
  mins[0] = 0.0F;
}

void decode_q8_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ80, kFormQ80>(blocks, out, block_count);
}

void encode_q8_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockQ80::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ80::kElements;
    const float d = absmax(x, BlockQ80::kElements) / 127.0F;
    const float inverse = inverse_or_zero(d);
    for (std::size_t i = 0; i < BlockQ80::kElements; ++i) {
      codes[i] = static_cast<std::uint8_t>(round_clamped(zero_unless_small(x[i] * inverse), -128, 127) + 128);
    }
    BlockQ80 block;
    pack_q8_0(codes, float_to_half(d), block);
    store_block(block, blocks, b);
  }
}

bool is_finite_q8_0(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ80, &BlockQ80::d>(blocks, block_count);
}

}  // namespace mote::codec
