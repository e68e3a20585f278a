#include "codec/q1_0.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "codec/bit_planes.h"
#include "codec/block_loops.h"

namespace mote::codec {

void pack_q1_0(const std::uint8_t* codes, Half d, BlockQ10& out) noexcept {
  for (std::size_t j = 0; j < 16; ++j) {
    int byte = 0;
    for (std::size_t i = 0; i < 8; ++i) byte |= (codes[8 * j + i] >> 1) << i;
    out.qs[j] = static_cast<std::uint8_t>(byte);
  }
  out.d = d;
}

void encode_q1_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  std::uint8_t codes[BlockQ10::kElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ10::kElements;
    float sum = 0.0F;
    for (std::size_t i = 0; i < BlockQ10::kElements; ++i) {
      sum += std::fabs(x[i]);
      codes[i] = x[i] >= 0.0F ? 2 : 0;
    }
    BlockQ10 block;
    pack_q1_0(codes, float_to_half(sum / static_cast<float>(BlockQ10::kElements)), block);
    store_block(block, blocks, b);
  }
}

void unpack_q1_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ10>(block, 0);
  for (std::size_t j = 0; j < 16; ++j) {
    const std::uint64_t eight = spread_bits(in.qs[j], 1);
    std::memcpy(codes + 8 * j, &eight, sizeof eight);
  }
  std::fill_n(scales, 4, half_to_float(in.d));
  std::fill_n(mins, 4, 0.0F);
}

void decode_q1_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ10, kFormQ10>(blocks, out, block_count);
}

bool is_finite_q1_0(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockQ10, &BlockQ10::d>(blocks, block_count);
}

}  // namespace mote::codec
