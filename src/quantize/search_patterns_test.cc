// The formats of patterns under the importance of inputs: what they return exactly, and how they stand beside
// the formats' reference.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/rng.h"
#include "codec/codec.h"
#include "quantize/search.h"

namespace mote::quantize {
namespace {

constexpr std::size_t kRows = 16;
constexpr std::size_t kCols = 768;

// Normal weights, and inputs some of which matter a hundred times more than others. The same numbers went
// through llama.cpp's ggml_quantize_chunk (version 0.25.3 of its library ggml) with the same importance; what
// it lost stands below. tests/oracles/quantize_oracle.py asks it anew, about other numbers.
struct Sample {
  std::vector<float> x = std::vector<float>(kRows * kCols);
  std::vector<float> importance = std::vector<float>(kCols);

  Sample() {
    Rng rng(21);
    for (float& v : x) v = static_cast<float>(0.03 * rng.next_normal());
    for (float& v : importance) {
      const double n = rng.next_normal();
      v = static_cast<float>(std::fabs(n) * n * n + 0.05);
    }
  }
};

std::vector<float> coded(CodecId id, const std::vector<float>& x, const float* importance) {
  const codec::Codec& c = codec::codec_of(id);
  std::vector<std::byte> blocks(x.size() / c.block_elements * c.block_bytes);
  const std::size_t cols = x.size() % kCols == 0 ? kCols : 256;
  encode_search(search_kernels({}), id, x.data(), importance, blocks.data(), x.size() / cols, cols);
  std::vector<float> y(x.size());
  c.decode(blocks.data(), y.data(), x.size() / c.block_elements);
  return y;
}

// Over the weighted squares of x.
double weighted_error(const Sample& sample, const std::vector<float>& y) {
  double error = 0;
  double norm = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double x = static_cast<double>(sample.x[i]);
    const double e = x - static_cast<double>(y[i]);
    error += static_cast<double>(sample.importance[i % kCols]) * e * e;
    norm += static_cast<double>(sample.importance[i % kCols]) * x * x;
  }
  return error / norm;
}

struct Reference {
  CodecId id;
  double error;  // of llama.cpp's quantizer on the sample
};

class OfPatterns : public ::testing::TestWithParam<Reference> {};

TEST_P(OfPatterns, LoseLessThanTheReference) {
  const Sample sample;
  const double error = weighted_error(sample, coded(GetParam().id, sample.x, sample.importance.data()));
  EXPECT_LE(error, GetParam().error);
  // Far below it would mean that the sample is not the one that the reference saw.
  EXPECT_GE(error, 0.6 * GetParam().error);
}

// Least squares loses part of what is there: the products of a matrix would become smaller, layer by layer.
TEST_P(OfPatterns, KeepTheSizeOfWhatTheyMultiply) {
  const Sample sample;
  const std::vector<float> y = coded(GetParam().id, sample.x, sample.importance.data());
  double xx = 0;
  double xy = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double u = static_cast<double>(sample.importance[i % kCols]) * static_cast<double>(sample.x[i]);
    xx += u * static_cast<double>(sample.x[i]);
    xy += u * static_cast<double>(y[i]);
  }
  EXPECT_NEAR(xy / xx, 1.0, 0.01);
}

// What a block holds exactly comes back almost exactly: signs (in sevens too), scales and shifts each lie
// where decoding looks for them.
TEST_P(OfPatterns, FindAgainWhatABlockHolds) {
  const codec::Codec& c = codec::codec_of(GetParam().id);
  Rng rng(5);
  double error = 0;
  double norm = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::byte> block(c.block_bytes);
    for (std::byte& b : block) b = static_cast<std::byte>(rng.next_below(256));
    // d between 1 and 2: at the start, but in IQ1_M in the last four of its scales' words.
    if (GetParam().id == CodecId::iq1_m) {
      block[53] = (block[53] & std::byte{0x0F}) | std::byte{0xC0};
      block[55] = (block[55] & std::byte{0x0F}) | std::byte{0x30};
    } else {
      block[1] = std::byte{0x3C};
    }
    std::vector<float> x(256);
    c.decode(block.data(), x.data(), 1);
    const std::vector<float> y = coded(GetParam().id, x, nullptr);
    for (std::size_t i = 0; i < 256; ++i) {
      const double e = static_cast<double>(x[i]) - static_cast<double>(y[i]);
      error += e * e;
      norm += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    }
  }
  EXPECT_LT(error, 0.003 * norm) << error / norm;
}

INSTANTIATE_TEST_SUITE_P(
    Types, OfPatterns,
    ::testing::Values(Reference{CodecId::iq1_s, 0.157028}, Reference{CodecId::iq1_m, 0.104461},
                      Reference{CodecId::iq2_xxs, 0.059777}, Reference{CodecId::iq2_xs, 0.044985},
                      Reference{CodecId::iq2_s, 0.039328}, Reference{CodecId::iq3_xxs, 0.014262},
                      Reference{CodecId::iq3_s, 0.010142}),
    [](const auto& of) { return std::string(codec::codec_of(of.param.id).name); });

}  // namespace
}  // namespace mote::quantize
