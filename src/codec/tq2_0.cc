#include "codec/tq2_0.h"

#include <algorithm>
#include <cstring>

#include "codec/bit_planes.h"
#include "codec/block_loops.h"
#include "codec/ternary.h"

namespace mote::codec {

void pack_tq2_0(const std::uint8_t* codes, Half d, BlockTq20& out) noexcept {
  pack_crumbs(codes, 0, out.qs);
  pack_crumbs(codes + 128, 0, out.qs + 32);
  out.d = d;
}

void encode_tq2_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  encode_ternary<BlockTq20, pack_tq2_0>(in, blocks, block_count);
}

void unpack_tq2_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockTq20>(block, 0);
  std::fill_n(codes, BlockTq20::kElements, std::uint8_t{0});
  merge_crumbs(in.qs, 0, codes);
  merge_crumbs(in.qs + 32, 0, codes + 128);
  std::fill_n(scales, 8, half_to_float(in.d));
  std::fill_n(mins, 8, 0.0F);
}

void decode_tq2_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockTq20, kFormTq20>(blocks, out, block_count);
}

bool is_finite_tq2_0(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockTq20, &BlockTq20::d>(blocks, block_count);
}

}  // namespace mote::codec
