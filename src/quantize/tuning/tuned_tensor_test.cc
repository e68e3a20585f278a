#include "quantize/tuning/tuned_tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "codec/codec.h"
#include "quantize/feedback/block_codes.h"

namespace mote::quantize {
namespace {

constexpr std::size_t kRows = 3;
constexpr std::size_t kCols = 512;

std::vector<std::byte> random_blocks(const codec::Codec& codec, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x(kRows * kCols);
  for (float& v : x) v = 0.3F + static_cast<float>(rng.next_normal());
  std::vector<std::byte> blocks(x.size() / codec.block_elements * codec.block_bytes);
  codec.encode_rtn(x.data(), blocks.data(), x.size() / codec.block_elements);
  return blocks;
}

std::vector<float> decoded(const codec::Codec& codec, const std::vector<std::byte>& blocks) {
  std::vector<float> out(kRows * kCols);
  codec.decode(blocks.data(), out.data(), out.size() / codec.block_elements);
  return out;
}

class TunedTensorOf : public ::testing::TestWithParam<CodecId> {
 protected:
  const codec::Codec& codec_ = codec::codec_of(GetParam());
  std::vector<std::byte> blocks_ = random_blocks(codec_, 4);
};

TEST_P(TunedTensorOf, BeginsAsTheBlocksAre) {
  const TunedTensor tensor(GetParam(), Shape{kRows, kCols}, blocks_, true);
  ASSERT_TRUE(tensor.is_tuned());
  const std::vector<float> expected = decoded(codec_, blocks_);
  std::vector<float> row(kCols);
  tensor.decode(1, 1, row.data());
  // A super-block's scale may be rounded once more or less on the way.
  for (std::size_t i = 0; i < kCols; ++i) EXPECT_NEAR(row[i], expected[kCols + i], 1e-6) << i;
  std::vector<std::byte> stored(blocks_.size());
  tensor.store(stored);
  EXPECT_EQ(stored, blocks_);
}

TEST_P(TunedTensorOf, AnotherOneKeepsWhatOneHasKept) {
  TunedTensor tensor(GetParam(), Shape{kRows, kCols}, blocks_, true);
  const std::vector<float> gradient(kRows * kCols, 0.5F);
  tensor.take(0, kRows, gradient.data());
  tensor.step({0.01, 1});
  tensor.keep();
  std::vector<std::byte> stored(blocks_.size());
  tensor.store(stored);
  EXPECT_NE(stored, blocks_);
  std::vector<float> kept = tensor.kept();
  const std::size_t own = kept.size();
  EXPECT_EQ(own, blocks_.size() / codec_.block_bytes * (codec_.integer_form->has_min ? 2 : 1));
  kept.push_back(7);  // of a tensor behind it
  TunedTensor other(GetParam(), Shape{kRows, kCols}, blocks_, true);
  std::span<const float> from(kept);
  ASSERT_TRUE(other.take_kept(from));
  ASSERT_EQ(from.size(), 1U);
  EXPECT_FALSE(other.take_kept(from));
  other.restore();
  std::vector<std::byte> restored(blocks_.size());
  other.store(restored);
  EXPECT_EQ(restored, stored);
}

// Towards a target whose every block has other factors, with the derivative of the squared distance: what is
// stored in the end is the target but for roundings of halves.
TEST_P(TunedTensorOf, FactorsThatWereChangedAreFoundAgain) {
  std::vector<std::byte> moved = blocks_;
  Rng rng(8);
  std::vector<std::uint8_t> codes(codec_.block_elements);
  for (std::size_t b = 0; b < moved.size() / codec_.block_bytes; ++b) {
    std::byte* const block = moved.data() + b * codec_.block_bytes;
    float scales[16];
    float mins[16];
    codec_.integer_form->unpack(block, codes.data(), scales, mins);
    BlockFactors f = block_factors(GetParam(), block);
    f.scale = float_to_half(half_to_float(f.scale) * (1.0F + 0.05F * static_cast<float>(rng.next_double())));
    f.min = float_to_half(half_to_float(f.min) * (1.0F - 0.05F * static_cast<float>(rng.next_double())));
    rewrite_block(GetParam(), block, codes.data(), f);
  }
  const std::vector<float> target = decoded(codec_, moved);
  TunedTensor tensor(GetParam(), Shape{kRows, kCols}, blocks_, true);
  std::vector<float> rows(kRows * kCols);
  double first = 0;
  double last = 0;
  constexpr std::size_t kSteps = 400;
  const double levels = code_range(GetParam()).high + 1;
  for (std::size_t n = 1; n <= kSteps; ++n) {
    tensor.decode(0, kRows, rows.data());
    last = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] -= target[i];
      last += static_cast<double>(rows[i]) * rows[i];
    }
    if (n == 1) first = last;
    tensor.take(0, 1, rows.data());  // rows in two parts
    tensor.take(1, kRows - 1, rows.data() + kCols);
    tensor.step({3e-3 * levels / 16.0 * (1.0 - static_cast<double>(n) / kSteps), n});
  }
  EXPECT_GT(first, 0.1);
  EXPECT_LT(last, 1e-3 * first);
  std::vector<std::byte> stored(blocks_.size());
  tensor.store(stored);
  const std::vector<float> result = decoded(codec_, stored);
  double off = 0;
  for (std::size_t i = 0; i < result.size(); ++i) off += std::pow(result[i] - target[i], 2);
  EXPECT_LT(off, 2e-3 * first);
}

INSTANTIATE_TEST_SUITE_P(Types, TunedTensorOf,
                         ::testing::Values(CodecId::q4_0, CodecId::q4_1, CodecId::q5_0, CodecId::q5_1,
                                           CodecId::q8_0, CodecId::q2_k, CodecId::q3_k, CodecId::q4_k,
                                           CodecId::q5_k, CodecId::q6_k, CodecId::iq4_nl, CodecId::iq4_xs),
                         [](const auto& of) { return std::string(codec::codec_of(of.param).name); });

TEST(TunedTensor, WhatDoesNotLearnStays) {
  for (const auto& [type, learns] :
       {std::pair{CodecId::q4_0, false}, std::pair{CodecId::iq3_s, true}, std::pair{CodecId::f16, true}}) {
    const codec::Codec& codec = codec::codec_of(type);
    const std::vector<std::byte> blocks = random_blocks(codec, 5);
    TunedTensor tensor(type, Shape{kRows, kCols}, blocks, learns);
    EXPECT_FALSE(tensor.is_tuned());
    const std::vector<float> gradient(kCols, 1.0F);
    tensor.take(0, 1, gradient.data());
    tensor.step({0.1, 1});
    std::vector<float> row(kCols);
    tensor.decode(2, 1, row.data());
    const std::vector<float> expected = decoded(codec, blocks);
    EXPECT_EQ(row, std::vector<float>(expected.end() - kCols, expected.end()));
    std::vector<std::byte> stored(blocks.size());
    tensor.store(stored);
    EXPECT_EQ(stored, blocks);
  }
}

TEST(TunedTensor, RestoresWhatWasKept) {
  const codec::Codec& codec = codec::codec_of(CodecId::q4_0);
  const std::vector<std::byte> blocks = random_blocks(codec, 6);
  TunedTensor tensor(CodecId::q4_0, Shape{kRows, kCols}, blocks, true);
  const auto move = [&](std::size_t number) {
    const std::vector<float> gradient(kRows * kCols, 1.0F);
    tensor.take(0, kRows, gradient.data());
    tensor.step({0.01, number});
    std::vector<float> rows(kRows * kCols);
    tensor.decode(0, kRows, rows.data());
    return rows;
  };
  const std::vector<float> kept = move(1);
  tensor.keep();
  EXPECT_NE(move(2), kept);
  tensor.restore();
  std::vector<float> rows(kRows * kCols);
  tensor.decode(0, kRows, rows.data());
  EXPECT_EQ(rows, kept);
}

}  // namespace
}  // namespace mote::quantize
