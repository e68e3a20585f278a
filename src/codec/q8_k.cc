#include "codec/q8_k.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "codec/block_loops.h"
#include "codec/rounding.h"

namespace mote::codec {

void encode_q8_k(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * BlockQ8K::kElements;
    const float largest = signed_absmax(x, BlockQ8K::kElements);
    const float inverse = largest == 0.0F ? 0.0F : -127.0F / largest;
    BlockQ8K block;
    for (std::size_t s = 0; s < 16; ++s) {
      int sum = 0;
      for (std::size_t i = 16 * s; i < 16 * s + 16; ++i) {
        block.qs[i] = static_cast<std::int8_t>(std::lrint(zero_unless_small(x[i] * inverse)));
        sum += block.qs[i];
      }
      block.bsums[s] = static_cast<std::int16_t>(sum);
    }
    block.d = largest == 0.0F ? 0.0F : 1.0F / inverse;
    store_block(block, blocks, b);
  }
}

void unpack_q8_k(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockQ8K>(block, 0);
  for (std::size_t i = 0; i < BlockQ8K::kElements; ++i) codes[i] = static_cast<std::uint8_t>(in.qs[i] + 128);
  std::fill_n(scales, 8, in.d);
  std::fill_n(mins, 8, 0.0F);
}

void decode_q8_k(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockQ8K, kFormQ8K>(blocks, out, block_count);
}

bool is_finite_q8_k(const std::byte* blocks, std::size_t block_count) noexcept {
  bool finite = true;
  for (std::size_t b = 0; b < block_count; ++b) {
    // The largest code times d may overflow where d alone does not; what the block decodes to counts.
    const auto block = load_block<BlockQ8K>(blocks, b);
    int largest = 0;
    for (const std::int8_t q : block.qs) largest = std::max(largest, std::abs(static_cast<int>(q)));
    finite &= std::isfinite(block.d) && std::isfinite(block.d * static_cast<float>(largest));
  }
  return finite;
}

}  // namespace mote::codec
