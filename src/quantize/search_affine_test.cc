#include "quantize/search_affine.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "codec/codec.h"
#include "quantize/search.h"

namespace mote::quantize {
namespace {

using codec::AffineFormat;
using codec::ScaleType;

std::vector<float> normal(std::uint64_t seed, std::size_t n) {
  Rng rng(seed);
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>(rng.next_normal()) * 0.02F;
  return x;
}

double error_of(CodecId id, const std::vector<float>& x, const std::vector<float>& u,
                const std::vector<std::byte>& blocks) {
  const codec::Codec& codec = codec::codec_of(id);
  std::vector<float> y(x.size());
  codec.decode(blocks.data(), y.data(), x.size() / codec.block_elements);
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = static_cast<double>(y[i]) - static_cast<double>(x[i]);
    sum += static_cast<double>(u[i]) * e * e;
  }
  return sum;
}

// The least error over every zero point and a fine grid of scales, in double.
double exhaustive(const AffineFormat& f, const std::vector<float>& x, const std::vector<float>& u) {
  double largest = 0;
  for (const float v : x) largest = std::max(largest, std::fabs(static_cast<double>(v)));
  double best = 1e30;
  for (int zero = f.asymmetric ? 0 : f.middle(); zero <= (f.asymmetric ? f.largest() : f.middle()); ++zero) {
    for (int step = 1; step <= 3000; ++step) {
      const double scale = 2.2 * largest / f.largest() * step / 2000.0;
      double sum = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        double code = std::nearbyint(static_cast<double>(x[i]) / scale) + zero;
        code = std::min(std::max(code, 0.0), static_cast<double>(f.largest()));
        const double e = static_cast<double>(x[i]) - scale * (code - zero);
        sum += static_cast<double>(u[i]) * e * e;
      }
      best = std::min(best, sum);
    }
  }
  return best;
}

TEST(SearchAffine, IsNeverWorseThanRoundingAndNearTheBestThereIs) {
  for (const CodecId id : {CodecId::int2_g32_sym, CodecId::int2_g32_asym, CodecId::int3_g32_sym,
                           CodecId::int3_g32_asym, CodecId::int4_g32_sym, CodecId::int4_g32_asym}) {
    const AffineFormat f = *codec::affine_format(id);
    double searched = 0;
    double rounded = 0;
    double best = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const std::vector<float> x = normal(seed, 32);
      std::vector<float> u = normal(seed + 100, 32);
      for (float& v : u) v = std::fabs(v) + 0.001F;
      std::vector<std::byte> blocks(f.block_bytes());
      search_affine(f, ScaleType::f32, x, u, blocks.data());
      const double found = error_of(id, x, u, blocks);
      encode_folder_rows(id, ScaleType::f32, x.data(), blocks.data(), 1, 32);
      const double plain = error_of(id, x, u, blocks);
      EXPECT_LE(found, plain * 1.000001);
      searched += found;
      rounded += plain;
      best += exhaustive(f, x, u);
    }
    EXPECT_LT(searched, best * 1.12) << codec::codec_of(id).name;
    EXPECT_LT(searched, rounded * 0.95) << codec::codec_of(id).name;
  }
}

TEST(SearchAffine, ScalesAreThoseThatTheFileHolds) {
  const std::vector<float> x = normal(5, 128);
  const std::vector<float> u(128, 1.0F);
  for (const ScaleType type : {ScaleType::f16, ScaleType::bf16}) {
    for (const CodecId id : {CodecId::int4_g128_sym, CodecId::int8_g128_asym, CodecId::int3_row_sym}) {
      const AffineFormat f = *codec::affine_format(id);
      std::vector<std::byte> blocks(128 / f.group * f.block_bytes());
      for (const bool search : {true, false}) {
        if (search) {
          search_affine(f, type, x, u, blocks.data());
        } else {
          encode_folder_rows(id, type, x.data(), blocks.data(), 1, 128);
        }
        const codec::AffineScale first = codec::affine_scale(f, blocks.data());
        EXPECT_EQ(first.scale, codec::rounded_to(type, first.scale));
        EXPECT_GT(first.scale, 0.0F);
        for (std::size_t b = 0; b < 128 / f.group; ++b) {
          EXPECT_EQ(codec::affine_scale(f, blocks.data() + b * f.block_bytes()), first) << "one for the row";
        }
      }
    }
  }
}

TEST(SearchAffine, ZerosAndConstantsAreExact) {
  const std::vector<float> u(64, 1.0F);
  for (const CodecId id : {CodecId::int4_g64_sym, CodecId::int4_g64_asym, CodecId::int2_g64_asym}) {
    const AffineFormat f = *codec::affine_format(id);
    std::vector<std::byte> blocks(f.block_bytes());
    for (const float value : {0.0F, 0.5F, -0.5F}) {
      const std::vector<float> x(64, value);
      search_affine(f, ScaleType::f32, x, u, blocks.data());
      EXPECT_LE(error_of(id, x, u, blocks), 1e-10) << codec::codec_of(id).name << " " << value;
    }
  }
}

TEST(EncodeFolderRows, AnFp8RowHasOneScale) {
  std::vector<float> x = normal(6, 96);
  x[70] = 3.0F;
  std::vector<std::byte> blocks(3 * 36);
  encode_folder_rows(CodecId::fp8, ScaleType::bf16, x.data(), blocks.data(), 1, 96);
  std::vector<float> y(96);
  codec::codec_of(CodecId::fp8).decode(blocks.data(), y.data(), 3);
  EXPECT_TRUE(std::equal(blocks.begin(), blocks.begin() + 4, blocks.begin() + 36));
  EXPECT_NEAR(y[70], 3.0F, 3.0F / 256);
  for (std::size_t i = 0; i < 96; ++i) EXPECT_NEAR(y[i], x[i], std::fabs(x[i]) / 16 + 3.0F / 448 / 1024);
}

// encode_search() gives groups their weights: importance decides which elements come out well.
TEST(SearchAffine, ElementsThatMatterComeOutBetter) {
  const CodecId id = CodecId::int3_g64_sym;
  const std::vector<float> x = normal(7, 64 * 8);
  std::vector<float> importance(64, 0.01F);
  for (std::size_t i = 0; i < 64; i += 4) importance[i] = 10.0F;
  std::vector<float> weight;
  for (std::size_t i = 0; i < x.size(); ++i) weight.push_back(importance[i % 64] > 1 ? 1.0F : 0.0F);
  std::vector<std::byte> blocks(8 * codec::codec_of(id).block_bytes);
  encode_search(kSearchBaseline, id, x.data(), importance.data(), blocks.data(), 8, 64);
  const double weighted = error_of(id, x, weight, blocks);
  encode_search(kSearchBaseline, id, Weighting::flat, x.data(), nullptr, blocks.data(), 8, 64);
  EXPECT_LT(weighted, error_of(id, x, weight, blocks) * 0.9);
}

}  // namespace
}  // namespace mote::quantize
