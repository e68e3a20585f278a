// Norms, rotations and softmax: every instruction set against the reference, bit for bit, and the reference
// against arithmetic in double.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernel_testing.h"
#include "kernels/reference/reference.h"

namespace mote::kernels {
namespace {

// Last parts of every length, alone and behind a whole one.
constexpr std::size_t kLengths[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10,  11, 12,
                                    13, 14, 15, 16, 17, 23, 25, 31, 64, 100, 576};

// Runs `call` with each table on guarded copies of two inputs and compares what it leaves in `out`.
template <typename Call>
void expect_same(Call call, const char* what) {
  Rng rng(1);
  for (const NamedTable& named : tables()) {
    for (const std::size_t n : kLengths) {
      for (const Data data : kAllData) {
        Guarded<float> a(numbers(rng, n, data));
        Guarded<float> b(numbers(rng, n, Data::ordinary));
        Guarded<float> out(n);
        std::vector<float> expected(n);
        call(named.table, a.data(), b.data(), out.data(), n);
        call(kReferenceKernels, a.data(), b.data(), expected.data(), n);
        ASSERT_TRUE(same_bits(out.copy(), expected)) << what << " " << named.name << " n " << n;
      }
    }
  }
}

TEST(Elementwise, EverySetGivesTheReferenceBits) {
  using F = float;
  expect_same(
      [](const KernelTable& k, F* a, F* b, F* out, std::size_t n) { k.rms_norm(a, b, out, n, 1e-5F); },
      "rms_norm");
  expect_same([](const KernelTable& k, F* a, F* b, F* out, std::size_t n) { k.add(a, b, out, n); }, "add");
  expect_same(
      [](const KernelTable& k, F* a, F* b, F* out, std::size_t n) { k.add_scaled(a, b, 0.3F, out, n); },
      "add_scaled");
  expect_same([](const KernelTable& k, F* a, F*, F* out, std::size_t n) { k.scale(a, 0.3F, out, n); },
              "scale");
  expect_same([](const KernelTable& k, F* a, F* b, F* out, std::size_t n) { k.silu_mul(a, b, out, n); },
              "silu_mul");
  expect_same([](const KernelTable& k, F* a, F*, F* out, std::size_t n) { *out = k.max(a, n); }, "max");
  for (const NamedTable& named : tables()) {
    std::vector<float> zeros(19, -0.0F);
    EXPECT_FALSE(std::signbit(named.table.max(zeros.data(), zeros.size()))) << named.name;
    zeros[3] = 0.0F;
    EXPECT_FALSE(std::signbit(named.table.max(zeros.data(), zeros.size()))) << named.name;
  }
  expect_same(
      [](const KernelTable& k, F* a, F*, F* out, std::size_t n) {
        k.scale(a, 1.0F, out, n);
        k.softmax(out, n);
      },
      "softmax");
  expect_same(
      [](const KernelTable& k, F* a, F*, F* out, std::size_t n) {
        k.scale(a, 40.0F, out, n);
        const float sum = k.exp_sum(out, n, 2.0F);
        out[n - 1] = out[n - 1] + sum;
      },
      "exp_sum");
}

TEST(Elementwise, OutMayBeAnInput) {
  Rng rng(2);
  for (const NamedTable& named : tables()) {
    const std::vector<float> a = numbers(rng, 37, Data::ordinary);
    const std::vector<float> b = numbers(rng, 37, Data::ordinary);
    std::vector<float> expected(37);
    named.table.silu_mul(a.data(), b.data(), expected.data(), 37);
    std::vector<float> in_place = a;
    named.table.silu_mul(in_place.data(), b.data(), in_place.data(), 37);
    EXPECT_TRUE(same_bits(in_place, expected)) << named.name;
    named.table.rms_norm(a.data(), b.data(), expected.data(), 37, 1e-6F);
    in_place = a;
    named.table.rms_norm(in_place.data(), b.data(), in_place.data(), 37, 1e-6F);
    EXPECT_TRUE(same_bits(in_place, expected)) << named.name;
  }
}

TEST(Exp, IsWithinTwoUlpOfTheTrueValue) {
  double worst = 0;
  for (double x = -87.3; x < 88.7; x += 0.0037) {
    auto value = static_cast<float>(x);
    const double exact = std::exp(static_cast<double>(value));
    kReferenceKernels.exp_sum(&value, 1, 0.0F);
    const double ulp = std::ldexp(1.0, std::ilogb(exact) - 23);
    worst = std::max(worst, std::abs(static_cast<double>(value) - exact) / ulp);
  }
  EXPECT_LE(worst, 2.0);
}

TEST(Exp, HasTheEdgesOfTheContract) {
  const auto exp = [](float x) {
    kReferenceKernels.exp_sum(&x, 1, 0.0F);
    return x;
  };
  EXPECT_EQ(exp(0.0F), 1.0F);
  EXPECT_EQ(exp(-std::numeric_limits<float>::infinity()), 0.0F);
  EXPECT_EQ(exp(-90.0F), 0.0F);
  EXPECT_EQ(exp(89.0F), std::numeric_limits<float>::infinity());
  EXPECT_EQ(exp(std::numeric_limits<float>::infinity()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(exp(std::numeric_limits<float>::quiet_NaN())));
}

// Results that would be subnormal, that overflow, and where k is no whole number any more.
TEST(Exp, EverySetGivesTheReferenceBitsBeyondTheEdges) {
  std::vector<float> edges = {-87.336544F,
                              std::nextafter(-87.336544F, 0.0F),
                              std::nextafter(-87.336544F, -100.0F),
                              88.72284F,
                              std::nextafter(88.72284F, 100.0F),
                              104.0F,
                              0.0F,
                              -0.0F,
                              1e30F,
                              -1e30F};
  edges.push_back(std::numeric_limits<float>::infinity());
  edges.push_back(-std::numeric_limits<float>::infinity());
  for (float x = 87.0F; x < 110.0F; x += 0.37F) {
    edges.push_back(x);
    edges.push_back(-x);
  }
  for (const NamedTable& named : tables()) {
    std::vector<float> got = edges;
    std::vector<float> expected = edges;
    named.table.exp_sum(got.data(), got.size(), 0.0F);
    kReferenceKernels.exp_sum(expected.data(), expected.size(), 0.0F);
    EXPECT_TRUE(same_bits(got, expected)) << named.name;
  }
}

TEST(Softmax, SumsToOneAndKeepsRatios) {
  Rng rng(3);
  std::vector<float> x = numbers(rng, 77, Data::ordinary);
  const std::vector<float> before = x;
  kReferenceKernels.softmax(x.data(), x.size());
  double sum = 0;
  for (const float p : x) sum += static_cast<double>(p);
  EXPECT_NEAR(sum, 1.0, 1e-6);
  for (std::size_t i = 1; i < x.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(x[i]) / static_cast<double>(x[0]),
                std::exp(static_cast<double>(before[i]) - static_cast<double>(before[0])), 1e-4);
  }
}

TEST(RmsNorm, IsTheFormulaInDouble) {
  Rng rng(4);
  const std::vector<float> x = numbers(rng, 300, Data::ordinary);
  const std::vector<float> w = numbers(rng, 300, Data::ordinary);
  std::vector<float> out(300);
  kReferenceKernels.rms_norm(x.data(), w.data(), out.data(), 300, 1e-5F);
  double squares = 0;
  for (const float v : x) squares += static_cast<double>(v) * static_cast<double>(v);
  const double s = 1.0 / std::sqrt(squares / 300 + 1e-5);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(out[i]), static_cast<double>(x[i]) * s * static_cast<double>(w[i]), 2e-6);
  }
}

TEST(Silu, IsTheFormulaInDoubleAndTendsToZeroBelow) {
  for (float g = -100.0F; g < 100.0F; g += 0.37F) {
    float out = 0;
    const float up = 1.5F;
    kReferenceKernels.silu_mul(&g, &up, &out, 1);
    const double exact = static_cast<double>(g) / (1.0 + std::exp(-static_cast<double>(g))) * 1.5;
    EXPECT_NEAR(static_cast<double>(out), exact, std::abs(exact) * 1e-6 + 1e-36);
  }
}

TEST(Rope, EverySetGivesTheReferenceBitsAndTurnsByTheAngle) {
  Rng rng(5);
  for (const NamedTable& named : tables()) {
    for (const std::size_t pairs : {1UL, 3UL, 8UL, 16UL, 20UL, 32UL, 64UL}) {
      const std::size_t heads = 3;
      const std::size_t stride = 2 * pairs + 5;  // elements beyond the pairs stay
      const std::vector<float> before = numbers(rng, heads * stride, Data::ordinary);
      std::vector<float> cos_values(pairs);
      std::vector<float> sin_values(pairs);
      for (std::size_t i = 0; i < pairs; ++i) {
        const double angle = 0.37 * static_cast<double>(i + 1);
        cos_values[i] = static_cast<float>(std::cos(angle));
        sin_values[i] = static_cast<float>(std::sin(angle));
      }
      Guarded<float> cos(cos_values);
      Guarded<float> sin(sin_values);
      for (const bool adjacent : {true, false}) {
        Guarded<float> x(before);
        std::vector<float> expected = before;
        const auto call = [&](const KernelTable& k, float* data) {
          (adjacent ? k.rope_adjacent : k.rope_halves)(data, heads, stride, pairs, cos.data(), sin.data());
        };
        call(named.table, x.data());
        call(kReferenceKernels, expected.data());
        ASSERT_TRUE(same_bits(x.copy(), expected)) << named.name << " pairs " << pairs;
        for (std::size_t h = 0; h < heads; ++h) {
          for (std::size_t i = 0; i < pairs; ++i) {
            const std::size_t first = h * stride + (adjacent ? 2 * i : i);
            const std::size_t second = h * stride + (adjacent ? 2 * i + 1 : i + pairs);
            const double c = static_cast<double>(cos_values[i]);
            const double s = static_cast<double>(sin_values[i]);
            const double a = static_cast<double>(before[first]);
            const double b = static_cast<double>(before[second]);
            ASSERT_NEAR(static_cast<double>(x[first]), a * c - b * s, 1e-6);
            ASSERT_NEAR(static_cast<double>(x[second]), a * s + b * c, 1e-6);
          }
          for (std::size_t i = 2 * pairs; i < stride; ++i)
            ASSERT_EQ(x[h * stride + i], before[h * stride + i]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace mote::kernels
