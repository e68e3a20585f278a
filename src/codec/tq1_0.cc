#include "codec/tq1_0.h"

#include <algorithm>
#include <cstring>

#include "codec/block_loops.h"
#include "codec/ternary.h"

namespace mote::codec {

namespace {

constexpr int kPowersOf3[5] = {1, 3, 9, 27, 81};

// Calls visit(byte, element, digit) for every element; bytes of qh follow those of qs.
template <typename Visit>
void visit_digits(const Visit& visit) {
  for (std::size_t n = 0; n < 5; ++n) {
    for (std::size_t j = 0; j < 32; ++j) visit(j, 32 * n + j, n);
    for (std::size_t j = 0; j < 16; ++j) visit(32 + j, 160 + 16 * n + j, n);
  }
  for (std::size_t n = 0; n < 4; ++n) {
    for (std::size_t j = 0; j < 4; ++j) visit(48 + j, 240 + 4 * n + j, n);
  }
}

}  // namespace

void pack_tq1_0(const std::uint8_t* codes, Half d, BlockTq10& out) noexcept {
  int numbers[52] = {};
  visit_digits([&](std::size_t byte, std::size_t element, std::size_t digit) {
    numbers[byte] += codes[element] * kPowersOf3[4 - digit];
  });
  const auto fraction = [](int number) { return static_cast<std::uint8_t>((number * 256 + 242) / 243); };
  for (std::size_t b = 0; b < sizeof out.qs; ++b) out.qs[b] = fraction(numbers[b]);
  for (std::size_t b = 0; b < sizeof out.qh; ++b) out.qh[b] = fraction(numbers[sizeof out.qs + b]);
  out.d = d;
}

void encode_tq1_0(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
  encode_ternary<BlockTq10, pack_tq1_0>(in, blocks, block_count);
}

void unpack_tq1_0(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
  const auto in = load_block<BlockTq10>(block, 0);
  visit_digits([&](std::size_t byte, std::size_t element, std::size_t digit) {
    const std::uint8_t stored = byte < sizeof in.qs ? in.qs[byte] : in.qh[byte - sizeof in.qs];
    const auto shifted = static_cast<std::uint8_t>(stored * kPowersOf3[digit]);
    codes[element] = static_cast<std::uint8_t>(3 * shifted >> 8);
  });
  std::fill_n(scales, 8, half_to_float(in.d));
  std::fill_n(mins, 8, 0.0F);
}

void decode_tq1_0(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
  decode_blocks<BlockTq10, kFormTq10>(blocks, out, block_count);
}

bool is_finite_tq1_0(const std::byte* blocks, std::size_t block_count) noexcept {
  return all_finite<BlockTq10, &BlockTq10::d>(blocks, block_count);
}

}  // namespace mote::codec
