#include "kernels/self_test.h"

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

}  // namespace

bool multiplies_right(const KernelTable& table) {
  constexpr std::size_t kBlockBytes = 18;  // of Q4_0
  std::array<std::byte, kRows * kCols / 32 * kBlockBytes> weights{};
  AlignedBuffer inputs(activation_scratch_bytes(kTokens, kCols));
  AlignedBuffer values(kTokens * kCols * sizeof(float));
  std::array<float, kRows * kTokens> got{};
  std::array<float, kRows * kTokens> expected{};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    // Scales of about 0.01 (0x20..), codes of all kinds.
    weights[i] = static_cast<std::byte>(i % kBlockBytes == 1 ? 0x20 : i * 37 % 251);
  }
  for (std::size_t i = 0; i < kTokens * kCols; ++i) {
    values.as<float>()[i] = static_cast<float>(i * 29 % 127) - 63.0F;
  }
  PackedMatrix layout = integer_layout(CodecId::q4_0, kRows, kCols);
  AlignedBuffer tiles(layout.tile_count() * layout.tile_bytes);
  AlignedBuffer scratch(matmul_scratch_bytes(layout, kTokens));
  if (inputs.size() == 0 || values.size() == 0 || tiles.size() == 0 || scratch.size() == 0) return false;
  for (std::size_t row = 0; row < kRows; ++row) {
    pack_row(layout, weights.data() + row * (kCols / 32) * kBlockBytes, row, tiles.data());
  }
  Activations a{.n = kTokens,
                .cols = kCols,
                .values = values.as<float>(),
                .codes = nullptr,
                .scales = nullptr,
                .sums = nullptr};
  bind_activation_scratch(a, inputs.data());
  quantize_activations(kReferenceKernels, a, 0, kTokens);
  matmul_tiles(table, layout, tiles.data(), kRows, a, got.data(), kRows, scratch.data());
  matmul_tiles(kReferenceKernels, layout, tiles.data(), kRows, a, expected.data(), kRows, scratch.data());
  return std::memcmp(got.data(), expected.data(), sizeof got) == 0;
}

}  // namespace mote::kernels
