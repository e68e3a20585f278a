#include "kernels/self_test.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "codec/codec.h"
#include "kernels/linear.h"
#include "kernels/reference/reference.h"

namespace mote::kernels {
namespace {

constexpr std::size_t kRows = 40;  // two and a half tiles
constexpr std::size_t kCols = 256;
constexpr std::size_t kTokens = 35;  // two whole blocks of 16 and some more

// Groups of 32, mins, groups of 16, a table of values, 8 bits.
constexpr std::array kTypes = {CodecId::q4_0, CodecId::q4_k, CodecId::q6_k, CodecId::iq4_nl, CodecId::q8_0};

bool multiplies_right(const KernelTable& table, CodecId id, const Activations& a) {
  const codec::Codec& codec = codec::codec_of(id);
  const PackedMatrix layout = integer_layout(id, kRows, kCols);
  const std::size_t row_bytes = kCols / codec.block_elements * codec.block_bytes;
  AlignedBuffer row(row_bytes);
  AlignedBuffer tiles(layout.tile_count() * layout.tile_bytes);
  AlignedBuffer scratch(matmul_scratch_bytes(layout, kTokens));
  if (row.size() == 0 || tiles.size() == 0 || scratch.size() == 0) return false;
  std::array<float, kCols> weights{};
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t i = 0; i < kCols; ++i) {
      weights[i] = static_cast<float>((r * kCols + i) * 37 % 251) * 0.01F - 1.0F;
    }
    codec.encode_rtn(weights.data(), row.data(), kCols / codec.block_elements);
    pack_row(layout, row.data(), r, tiles.data());
  }
  std::array<float, kRows * kTokens> got{};
  std::array<float, kRows * kTokens> expected{};
  matmul_tiles(table, layout, tiles.data(), kRows, a, got.data(), kRows, scratch.data());
  matmul_tiles(kReferenceKernels, layout, tiles.data(), kRows, a, expected.data(), kRows, scratch.data());
  return std::memcmp(got.data(), expected.data(), sizeof got) == 0;
}

}  // namespace

bool multiplies_right(const KernelTable& table) {
  AlignedBuffer inputs(activation_scratch_bytes(kTokens, kCols));
  AlignedBuffer values(kTokens * kCols * sizeof(float));
  if (inputs.size() == 0 || values.size() == 0) return false;
  for (std::size_t i = 0; i < kTokens * kCols; ++i) {
    values.as<float>()[i] = static_cast<float>(i * 29 % 127) - 63.0F;
  }
  Activations a{.n = kTokens,
                .cols = kCols,
                .values = values.as<float>(),
                .codes = nullptr,
                .scales = nullptr,
                .sums = nullptr};
  bind_activation_scratch(a, inputs.data());
  quantize_activations(kReferenceKernels, a, 0, kTokens);
  return std::ranges::all_of(kTypes, [&](CodecId id) { return multiplies_right(table, id, a); });
}

}  // namespace mote::kernels
