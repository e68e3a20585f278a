// The oracle is a search over every scale that a format can store, or a fine grid of them.
#include "quantize/search_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "codec/codec.h"
#include "codec/tq2_0.h"
#include "quantize/search.h"

namespace mote::quantize {
namespace {

struct Case {
  std::vector<float> x;
  std::vector<float> u;
};

// Weights as models have them: some far out, importance of any size.
Case random_case(std::uint64_t seed, std::size_t n) {
  Rng rng(seed);
  Case out;
  for (std::size_t i = 0; i < n; ++i) {
    const auto v = static_cast<float>(rng.next_normal());
    out.x.push_back(0.03F * v * (i % 13 == seed % 13 ? 4.0F : 1.0F));
    out.u.push_back(std::exp(static_cast<float>(rng.next_normal())));
  }
  return out;
}

double error_of(const Case& c, const std::vector<float>& decoded) {
  double sum = 0;
  for (std::size_t i = 0; i < c.x.size(); ++i) sum += c.u[i] * std::pow(double{c.x[i]} - decoded[i], 2);
  return sum;
}

template <typename Block>
std::vector<float> decoded(CodecId id, const Block& block) {
  std::vector<float> out(Block::kElements);
  codec::codec_of(id).decode(reinterpret_cast<const std::byte*>(&block), out.data(), 1);
  return out;
}

double plain_error(CodecId id, const Case& c) {
  const codec::Codec& codec = codec::codec_of(id);
  std::vector<std::byte> bytes(codec.block_bytes);
  codec.encode_rtn(c.x.data(), bytes.data(), 1);
  std::vector<float> out(c.x.size());
  codec.decode(bytes.data(), out.data(), 1);
  return error_of(c, out);
}

// With the nearest of the values for each element.
double error_with(const Case& c, double scale, const std::vector<double>& values, std::size_t first,
                  std::size_t n) {
  double sum = 0;
  for (std::size_t i = first; i < first + n; ++i) {
    double least = INFINITY;
    for (const double v : values) least = std::min(least, std::abs(scale * v - c.x[i]));
    sum += c.u[i] * least * least;
  }
  return sum;
}

const std::vector<double> kFloats{0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.5, -1, -1.5, -2, -3, -4, -6};

TEST(SearchTable, Mxfp4HasTheBestOfAllExponents) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Case c = random_case(seed, codec::BlockMxfp4::kElements);
    codec::BlockMxfp4 block;
    search_mxfp4(c.x.data(), c.u.data(), block);
    double best = INFINITY;
    for (int e = -40; e <= 20; ++e) best = std::min(best, error_with(c, std::ldexp(1.0, e), kFloats, 0, 32));
    EXPECT_NEAR(error_of(c, decoded(CodecId::mxfp4, block)), best, 1e-5 * best) << seed;
  }
}

TEST(SearchTable, Nvfp4HasTheBestOfAllScales) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Case c = random_case(seed, codec::BlockNvfp4::kElements);
    for (float& x : c.x) x *= 1000.0F;  // where its scales lie
    codec::BlockNvfp4 block;
    search_nvfp4(c.x.data(), c.u.data(), block);
    double best = 0;
    for (std::size_t s = 0; s < 4; ++s) {
      double of_group = INFINITY;
      for (int exponent = 0; exponent < 16; ++exponent) {
        for (int fraction = 0; fraction < 8; ++fraction) {
          if (exponent == 15 && fraction == 7) continue;  // means NaN
          const double scale =
              exponent == 0 ? std::ldexp(fraction / 8.0, -6) : std::ldexp(1.0 + fraction / 8.0, exponent - 7);
          of_group = std::min(of_group, error_with(c, scale, kFloats, 16 * s, 16));
        }
      }
      best += of_group;
    }
    EXPECT_NEAR(error_of(c, decoded(CodecId::nvfp4, block)), best, 1e-5 * best) << seed;
  }
}

TEST(SearchTable, TablesUnderAFloatComeCloseToAFineGrid) {
  for (const CodecId id : {CodecId::nf4, CodecId::fp4}) {
    const auto& table = id == CodecId::nf4 ? codec::kNf4Values : codec::kFp4TableValues;
    const std::vector<double> values(table.begin(), table.end());
    double sum = 0;
    double plain = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const Case c = random_case(seed, codec::BlockTable4::kElements);
      codec::BlockTable4 block;
      (id == CodecId::nf4 ? search_nf4 : search_fp4)(c.x.data(), c.u.data(), block);
      const double found = error_of(c, decoded(id, block));
      double best = INFINITY;
      double largest = 0;
      for (const float x : c.x) largest = std::max(largest, std::abs(double{x}));
      for (int share = 400; share <= 1500; ++share) {
        best = std::min(best, error_with(c, largest * share / 1000.0, values, 0, 64));
      }
      EXPECT_LE(found, 1.1 * best) << seed;
      EXPECT_LE(found, plain_error(id, c) * 1.0001) << seed;
      sum += found;
      plain += plain_error(id, c);
    }
    EXPECT_LT(sum, 0.95 * plain);
  }
}

TEST(SearchTable, TernaryScalesAreTheBestThereAre) {
  const std::vector<double> values{-1, 0, 1};
  double sum = 0;
  double plain = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Case c = random_case(seed, codec::BlockTq20::kElements);
    const TernaryCodes found = search_ternary_values(c.x.data(), c.u.data());
    std::vector<float> out;
    for (const std::uint8_t code : found.codes)
      out.push_back(half_to_float(found.scale) * (static_cast<float>(code) - 1.0F));
    double best = INFINITY;
    for (int step = 1; step <= 4000; ++step) {
      best = std::min(best, error_with(c, step * 5e-5, values, 0, out.size()));
    }
    // As good as the grid, but for the half that the scale is stored as.
    EXPECT_LE(error_of(c, out), best * (1 + 1e-5)) << seed;
    sum += error_of(c, out);
    plain += plain_error(CodecId::tq2_0, c);
  }
  EXPECT_LT(sum, 0.8 * plain);
}

// What is ternary already comes out as it was.
TEST(SearchTable, TernaryWeightsStay) {
  Case c = random_case(3, codec::BlockTq20::kElements);
  for (float& x : c.x) x = x > 0.02F ? 0.375F : x < -0.01F ? -0.375F : 0.0F;
  const TernaryCodes found = search_ternary_values(c.x.data(), c.u.data());
  EXPECT_EQ(half_to_float(found.scale), 0.375F);
  for (std::size_t i = 0; i < c.x.size(); ++i) EXPECT_EQ(found.codes[i], c.x[i] > 0 ? 2 : c.x[i] < 0 ? 0 : 1);
}

TEST(SearchTable, ZerosAndWeightsOfZeroAreFine) {
  for (const CodecId id :
       {CodecId::mxfp4, CodecId::nvfp4, CodecId::nf4, CodecId::fp4, CodecId::tq1_0, CodecId::tq2_0}) {
    const codec::Codec& codec = codec::codec_of(id);
    std::vector<float> x(codec.block_elements, 0.0F);
    std::vector<std::byte> bytes(codec.block_bytes);
    std::vector<float> out(x.size(), 1.0F);
    encode_search(kSearchBaseline, id, x.data(), nullptr, bytes.data(), 1, x.size());
    codec.decode(bytes.data(), out.data(), 1);
    for (const float v : out) EXPECT_EQ(v, 0.0F) << codec.name;
    const std::vector<float> none(x.size(), 0.0F);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.01F * static_cast<float>(i % 5);
    encode_search(kSearchBaseline, id, x.data(), none.data(), bytes.data(), 1, x.size());
    codec.decode(bytes.data(), out.data(), 1);
    for (const float v : out) EXPECT_TRUE(std::isfinite(v)) << codec.name;
  }
}

}  // namespace
}  // namespace mote::quantize
