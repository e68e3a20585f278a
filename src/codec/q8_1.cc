#include "codec/q8_1.h"

#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {

void encode_q8_1(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ81::kElements;
    const float d = absmax(x, BlockQ81::kElements) / 127.0F;
    const float inverse = inverse_or_zero(d);
    BlockQ81 block;
    int sum = 0;
    for (std::size_t i = 0; i < BlockQ81::kElements; ++i) {
      block.qs[i] = static_cast<std::int8_t>(round_clamped(zero_unless_small(x[i] * inverse), -128, 127));
      sum += block.qs[i];
    }
    block.d = float_to_half(d);
    block.s = float_to_half(static_cast<float>(sum) * d);
    store_block(block, blocks, b);
  }
}

void unpack_q8_1(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ81>(block, 0);
  for (std::size_t i = 0; i < BlockQ81::kElements; ++i) codes[i] = static_cast<std::uint8_t>(in.qs[i] + 128);
  scales[0] = half_to_float(in.d);
  mins[0] = 0.0F;
}

void decode_q8_1(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ81, kFormQ81>(blocks, out, block_count);
}

bool is_finite_q8_1(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ81, &BlockQ81::d>(blocks, block_count);
}

}  // namespace mote::codec
