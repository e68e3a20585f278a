#include "quantize/search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "codec/codec.h"
#include "tensor/float16.h"

namespace mote::quantize {
namespace {

constexpr std::size_t kRows = 3;
constexpr std::size_t kCols = 1280;  // 5 super-blocks: the last batch of a matrix is not full

sys::CpuFeatures baseline() { return {}; }

std::vector<CodecId> block_types(bool rounded) {
  std::vector<CodecId> ids;
  for (const codec::Codec& c : codec::all_codecs()) {
    // Affine groups have a search of their own: search_affine_test.cc.
    if (c.has_gguf_type() && has_search(c.id) && (!rounded || c.encode_rtn != nullptr)) ids.push_back(c.id);
  }
  return ids;
}

std::vector<std::byte> encode(CodecId id, Weighting weighting, const std::vector<float>& x,
                              const float* importance = nullptr,
                              const sys::CpuFeatures& features = baseline()) {
  const codec::Codec& c = codec::codec_of(id);
  std::vector<std::byte> out(x.size() / c.block_elements * c.block_bytes);
  const std::size_t cols = x.size() % kCols == 0 ? kCols : 256;
  encode_search(search_kernels(features), id, weighting, x.data(), importance, out.data(), x.size() / cols,
                cols);
  return out;
}

std::vector<float> decode(CodecId id, const std::vector<std::byte>& blocks) {
  const codec::Codec& c = codec::codec_of(id);
  const std::size_t count = blocks.size() / c.block_bytes;
  std::vector<float> x(count * c.block_elements);
  c.decode(blocks.data(), x.data(), count);
  return x;
}

std::vector<float> plain(CodecId id, const std::vector<float>& x) {
  const codec::Codec& c = codec::codec_of(id);
  std::vector<std::byte> out(x.size() / c.block_elements * c.block_bytes);
  c.encode_rtn(x.data(), out.data(), x.size() / c.block_elements);
  return decode(id, out);
}

double squared_error(const std::vector<float>& x, const std::vector<float>& y,
                     const std::vector<double>& weights = {}) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = static_cast<double>(x[i]) - static_cast<double>(y[i]);
    sum += (weights.empty() ? 1.0 : weights[i]) * e * e;
  }
  return sum;
}

struct Distribution {
  std::string name;
  std::vector<float> values;
};

std::vector<Distribution> distributions() {
  std::vector<Distribution> all;
  const std::size_t n = kRows * kCols;
  Rng rng(7);
  const auto fill = [&](std::string name, auto&& next) {
    std::vector<float> x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(next(i));
    all.push_back({std::move(name), std::move(x)});
  };
  fill("normal", [&](std::size_t) { return 0.05 * rng.next_normal(); });
  fill("heavy tails", [&](std::size_t) { return 0.01 * std::pow(rng.next_normal(), 3.0); });
  fill("uniform", [&](std::size_t) { return rng.next_double() - 0.5; });
  fill("all positive", [&](std::size_t) { return 1.0 + rng.next_double(); });
  fill("all negative", [&](std::size_t) { return -3.0 - rng.next_double(); });
  fill("one large value per row",
       [&](std::size_t i) { return i % kCols == 17 ? 40.0 : 0.01 * rng.next_normal(); });
  fill("blocks of very different size",
       [&](std::size_t i) { return rng.next_normal() * std::pow(10.0, -static_cast<double>(i / 32 % 5)); });
  fill("many zeros", [&](std::size_t) { return rng.next_below(10) == 0 ? rng.next_normal() : 0.0; });
  fill("near the largest half", [&](std::size_t) { return 6.0e4 * (2 * rng.next_double() - 1); });
  fill("below the smallest half", [&](std::size_t) { return 1e-9 * rng.next_normal(); });
  return all;
}

class EveryBlockType : public ::testing::TestWithParam<CodecId> {};
// Those that can be rounded without a search.
class EveryRoundedType : public ::testing::TestWithParam<CodecId> {};

TEST_P(EveryRoundedType, IsNeverWorseThanPlainRounding) {
  for (const Distribution& d : distributions()) {
    const double search =
        squared_error(d.values, decode(GetParam(), encode(GetParam(), Weighting::flat, d.values)));
    const double rtn = squared_error(d.values, plain(GetParam(), d.values));
    EXPECT_LE(search, rtn * (1 + 1e-6)) << d.name;
  }
}

// A weighting prefers some elements; where it ruins the others, the matrix is ruined (IQ3_S with free zeros
// had 2.8 times the error of plain rounding, and BASE a divergence of 3.0 instead of 0.4).
TEST_P(EveryRoundedType, UnderTheWeightingsInUseThePlainErrorStaysNearPlainRounding) {
  const std::vector<float> x = distributions()[0].values;
  const double rtn = squared_error(x, plain(GetParam(), x));
  for (const Weighting w : {default_weighting(GetParam()), down_weighting(GetParam())}) {
    EXPECT_LE(squared_error(x, decode(GetParam(), encode(GetParam(), w, x))), rtn * 1.25);
  }
}

TEST_P(EveryBlockType, GivesTheSameBytesOnEveryInstructionSet) {
  const sys::CpuFeatures here = sys::detect_cpu_features();
  for (const Distribution& d : distributions()) {
    for (const Weighting w : {Weighting::flat, Weighting::magnitude, Weighting::square}) {
      const auto reference = encode(GetParam(), w, d.values);
      sys::CpuFeatures features;
      features.avx2 = here.avx2;
      EXPECT_TRUE(reference == encode(GetParam(), w, d.values, nullptr, features)) << d.name << " avx2";
      features.avx512 = here.avx512;
      EXPECT_TRUE(reference == encode(GetParam(), w, d.values, nullptr, features)) << d.name << " avx512";
    }
  }
}

TEST_P(EveryBlockType, RowsDoNotDependOnTheirNeighbours) {
  const std::vector<float> x = distributions()[0].values;
  const auto together = encode(GetParam(), Weighting::flat, x);
  const std::vector<float> last(x.end() - kCols, x.end());
  const auto alone = encode(GetParam(), Weighting::flat, last);
  EXPECT_TRUE(
      std::equal(alone.begin(), alone.end(), together.end() - static_cast<std::ptrdiff_t>(alone.size())));
}

TEST_P(EveryBlockType, ZerosStayZeros) {
  const std::vector<float> x(512, 0.0F);
  EXPECT_EQ(decode(GetParam(), encode(GetParam(), Weighting::square, x)), x);
}

TEST_P(EveryBlockType, SpendsItsPrecisionOnImportantColumns) {
  const std::vector<float> x = distributions()[0].values;
  std::vector<float> importance(kCols);
  for (std::size_t i = 0; i < kCols; ++i) importance[i] = i % 8 == 3 ? 100.0F : 0.1F;
  std::vector<double> weights(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) weights[i] = static_cast<double>(importance[i % kCols]);
  const auto aware = decode(GetParam(), encode(GetParam(), Weighting::flat, x, importance.data()));
  const auto unaware = decode(GetParam(), encode(GetParam(), Weighting::flat, x));
  // Ternary types have one scale for 256 elements: all that there is to spend.
  const bool ternary = GetParam() == CodecId::tq1_0 || GetParam() == CodecId::tq2_0;
  EXPECT_LT(squared_error(x, aware, weights), (ternary ? 1.0 : 0.95) * squared_error(x, unaware, weights));
}

INSTANTIATE_TEST_SUITE_P(Types, EveryBlockType, ::testing::ValuesIn(block_types(false)),
                         [](const auto& type) { return std::string(codec::codec_of(type.param).name); });
INSTANTIATE_TEST_SUITE_P(Types, EveryRoundedType, ::testing::ValuesIn(block_types(true)),
                         [](const auto& type) { return std::string(codec::codec_of(type.param).name); });

// The true optimum of a block with one half-precision scale: every positive half and its negative, each with
// the nearest values of the format. `values`: what codes stand for.
double exhaustive(const float* x, const std::vector<double>& values) {
  double best = INFINITY;
  double largest = 0;
  for (int k = 0; k < 32; ++k) largest = std::max(largest, std::fabs(static_cast<double>(x[k])));
  for (std::uint32_t bits = 1; bits < 0x7C00; ++bits) {
    const double d = static_cast<double>(half_to_float(static_cast<Half>(bits)));
    // Outside these bounds more than half of the range is unused, or more than half of the largest value is
    // cut.
    if (d * std::fabs(values.front()) < 0.5 * largest || d * std::fabs(values.front()) > 2.0 * largest)
      continue;
    for (const double s : {d, -d}) {
      double error = 0;
      for (int k = 0; k < 32 && error < best; ++k) {
        double nearest = INFINITY;
        for (const double v : values) {
          const double e = static_cast<double>(x[k]) - s * v;
          nearest = std::min(nearest, e * e);
        }
        error += nearest;
      }
      best = std::min(best, error);
    }
  }
  return best;
}

std::vector<double> steps(int from, int to) {
  std::vector<double> values;
  for (int v = from; v <= to; ++v) values.push_back(v);
  return values;
}

struct Exhaustive {
  CodecId id;
  std::vector<double> values;
  double allowed;  // mean error over the optimum's, stretching included
};

TEST(Search, ComesCloseToTheExhaustiveOptimumOfOneScale) {
  const std::vector<float> x = distributions()[0].values;
  const std::vector<double> table{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  for (const Exhaustive& c :
       {Exhaustive{CodecId::q4_0, steps(-8, 7), 1.02}, Exhaustive{CodecId::q5_0, steps(-16, 15), 1.015},
        Exhaustive{CodecId::iq4_nl, table, 1.02}}) {
    const auto y = decode(c.id, encode(c.id, Weighting::flat, x));
    double found = 0;
    double optimum = 0;
    for (std::size_t block = 0; block < 24; ++block) {
      const float* values = x.data() + 32 * block;
      const double best = exhaustive(values, c.values);
      double error = 0;
      for (std::size_t k = 0; k < 32; ++k) {
        const double e = static_cast<double>(values[k]) - static_cast<double>(y[32 * block + k]);
        error += e * e;
      }
      EXPECT_GE(error, best * (1 - 1e-6)) << "better than every scale: the test is wrong";
      found += error;
      optimum += best;
    }
    EXPECT_LE(found, c.allowed * optimum) << codec::codec_of(c.id).name << " " << found / optimum;
  }
}

}  // namespace
}  // namespace mote::quantize
