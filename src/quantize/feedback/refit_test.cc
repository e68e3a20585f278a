#include "quantize/feedback/refit.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "codec/codec.h"
#include "quantize/feedback/random_inputs.h"
#include "quantize/search.h"

namespace mote::quantize {
namespace {

using testing::moments;
using testing::random_inputs;
using testing::solve;

constexpr std::size_t kCols = 512;  // two super-blocks

struct Row {
  CodecId type;
  std::vector<float> w = std::vector<float>(kCols);
  std::vector<std::byte> blocks;
  std::vector<std::uint8_t> codes = std::vector<std::uint8_t>(kCols);
  std::vector<float> levels = std::vector<float>(kCols);

  [[nodiscard]] const codec::Codec& codec() const { return codec::codec_of(type); }
  [[nodiscard]] std::size_t count() const { return kCols / codec().block_elements; }
  [[nodiscard]] const std::byte* block(std::size_t b) const {
    return blocks.data() + b * codec().block_bytes;
  }

  Row(CodecId id, std::uint64_t seed) : type(id) {
    Rng rng(seed);
    for (float& x : w) x = static_cast<float>(rng.next_normal()) * 0.02F;
    blocks.resize(count() * codec().block_bytes);
    encode_search(kSearchBaseline, id, w.data(), nullptr, blocks.data(), 1, kCols);
    const codec::IntegerForm& form = *codec().integer_form;
    for (std::size_t b = 0; b < count(); ++b) {
      float scales[16];
      float mins[16];
      form.unpack(block(b), codes.data() + b * codec().block_elements, scales, mins);
    }
    for (std::size_t i = 0; i < kCols; ++i) {
      levels[i] = form.table != nullptr ? static_cast<float>(form.table[codes[i]])
                                        : static_cast<float>(codes[i]) - static_cast<float>(form.offset);
    }
  }

  [[nodiscard]] std::vector<BlockFactors> factors() const {
    std::vector<BlockFactors> out;
    for (std::size_t b = 0; b < count(); ++b) out.push_back(block_factors(type, block(b)));
    return out;
  }

  // What a decoder makes of the row with these factors.
  [[nodiscard]] std::vector<double> decoded(const std::vector<BlockFactors>& f) const {
    std::vector<std::byte> bytes = blocks;
    for (std::size_t b = 0; b < count(); ++b) {
      rewrite_block(type, bytes.data() + b * codec().block_bytes, codes.data() + b * codec().block_elements,
                    f[b]);
    }
    std::vector<float> out(kCols);
    codec().decode(bytes.data(), out.data(), count());
    return {out.begin(), out.end()};
  }
};

Curvature curvature(std::uint64_t seed) {
  sys::ThreadPool pool(1);
  const std::vector<double> x = random_inputs(seed, 2 * kCols, kCols);
  auto c = curvature_of(pool, kFeedbackBaseline, moments(x, x, kCols), kCols, 0.01);
  EXPECT_TRUE(c);
  return std::move(*c);
}

std::vector<float> product(const Curvature& c, const std::vector<float>& w) {
  std::vector<float> out(kCols);
  for (std::size_t i = 0; i < kCols; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < kCols; ++j) {
      sum += static_cast<double>(c.hessian[i * kCols + j]) * static_cast<double>(w[j]);
    }
    out[i] = static_cast<float>(sum);
  }
  return out;
}

double loss(const Curvature& c, const Row& row, const std::vector<double>& y) {
  double sum = 0;
  for (std::size_t i = 0; i < kCols; ++i) {
    for (std::size_t j = 0; j < kCols; ++j) {
      sum += (y[i] - static_cast<double>(row.w[i])) * static_cast<double>(c.hessian[i * kCols + j]) *
             (y[j] - static_cast<double>(row.w[j]));
    }
  }
  return sum;
}

std::vector<CodecId> formats() {
  std::vector<CodecId> out;
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (has_factors(codec.id)) out.push_back(codec.id);
  }
  return out;
}

std::vector<float> error_of(const Row& row, const std::vector<BlockFactors>& factors) {
  const std::vector<double> y = row.decoded(factors);
  std::vector<float> out(kCols);
  for (std::size_t i = 0; i < kCols; ++i) out[i] = static_cast<float>(y[i] - static_cast<double>(row.w[i]));
  return out;
}

TEST(Refit, LossAndGradientAreThoseOfWhatADecoderReads) {
  const Curvature c = curvature(3);
  for (const CodecId id : formats()) {
    const Row row(id, 11);
    std::vector<BlockFactors> factors = row.factors();
    const double before = loss(c, row, row.decoded(factors));
    std::vector<float> gradient = product(c, error_of(row, factors));
    Refit refit(id, kFeedbackBaseline, c);
    const double less = refit.run(row.levels, row.blocks.data(), gradient, factors);
    const double after = loss(c, row, row.decoded(factors));
    const std::string name(row.codec().name);
    EXPECT_LE(after, before) << name;
    EXPECT_NEAR(less, before - after, 1e-4 * before) << name;
    const std::vector<float> expected = product(c, error_of(row, factors));
    double largest = 0;
    for (const float g : expected) largest = std::max(largest, std::fabs(static_cast<double>(g)));
    for (std::size_t i = 0; i < kCols; ++i) {
      EXPECT_NEAR(gradient[i], expected[i], 1e-4 * largest) << name << " " << i;
    }
  }
}

// The normal equations by elimination, on columns that a decoder makes of factors of one unit: what is found
// loses no more than that, but for halves.
TEST(Refit, IsAsGoodAsLeastSquares) {
  const Curvature c = curvature(4);
  for (const CodecId id : formats()) {
    const Row row(id, 12);
    const bool has_min = row.codec().integer_form->has_min;
    const std::size_t per_block = has_min ? 2 : 1;
    const std::size_t n = row.count() * per_block;
    std::vector<std::vector<double>> columns;
    for (std::size_t j = 0; j < n; ++j) {
      std::vector<BlockFactors> one(row.count(), BlockFactors{0, 0});
      constexpr Half kOne = 0x3C00;
      (j % per_block == 0 ? one[j / per_block].scale : one[j / per_block].min) = kOne;
      columns.push_back(row.decoded(one));
    }
    std::vector<double> a(n * n);
    std::vector<double> b(n);
    for (std::size_t j = 0; j < n; ++j) {
      std::vector<double> hc(kCols, 0.0);
      for (std::size_t i = 0; i < kCols; ++i) {
        for (std::size_t k = 0; k < kCols; ++k) {
          hc[i] += static_cast<double>(c.hessian[i * kCols + k]) * columns[j][k];
        }
      }
      for (std::size_t k = 0; k < n; ++k) {
        for (std::size_t i = 0; i < kCols; ++i) a[j * n + k] += hc[i] * columns[k][i];
      }
      for (std::size_t i = 0; i < kCols; ++i) b[j] += hc[i] * static_cast<double>(row.w[i]);
    }
    const std::vector<double> best = solve(a, b);
    std::vector<BlockFactors> rounded(row.count());
    for (std::size_t j = 0; j < n; ++j) {
      const Half half = float_to_half(static_cast<float>(best[j]));
      (j % per_block == 0 ? rounded[j / per_block].scale : rounded[j / per_block].min) = half;
    }
    const double least = loss(c, row, row.decoded(rounded));
    std::vector<BlockFactors> factors = row.factors();
    const double before = loss(c, row, row.decoded(factors));
    std::vector<float> gradient = product(c, error_of(row, factors));
    Refit refit(id, kFeedbackBaseline, c);
    refit.run(row.levels, row.blocks.data(), gradient, factors);
    EXPECT_LE(loss(c, row, row.decoded(factors)), least + 0.01 * std::fabs(before - least))
        << row.codec().name;
  }
}

// Nothing to choose: a factor of levels that are all 0 stays.
TEST(Refit, LeavesARowOfZerosAlone) {
  const Curvature c = curvature(5);
  Row row(CodecId::q4_0, 13);
  std::ranges::fill(row.levels, 0.0F);
  std::vector<BlockFactors> factors = row.factors();
  std::vector<float> gradient = product(c, row.w);
  const std::vector<float> before = gradient;
  Refit refit(CodecId::q4_0, kFeedbackBaseline, c);
  EXPECT_EQ(refit.run(row.levels, row.blocks.data(), gradient, factors), 0.0);
  const std::vector<BlockFactors> expected = row.factors();
  for (std::size_t b = 0; b < row.count(); ++b) EXPECT_EQ(factors[b].scale, expected[b].scale);
  EXPECT_EQ(gradient, before);
}

}  // namespace
}  // namespace mote::quantize
