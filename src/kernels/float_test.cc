// Float products and conversions: every instruction set against the reference, bit for bit, and the reference
// against arithmetic in double.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "codec/codec.h"
#include "kernels/kernel_testing.h"
#include "kernels/reference/reference.h"
#include "tensor/float16.h"

namespace mote::kernels {
namespace {

struct Shape {
  std::size_t rows, n, cols;
};
constexpr Shape kShapes[] = {{1, 1, 1},  {4, 6, 16}, {5, 7, 17}, {3, 2, 31}, {16, 13, 64}, {33, 5, 15},
                             {9, 1, 47}, {2, 3, 0},  {18, 4, 5}, {8, 8, 33}, {7, 11, 128}, {40, 9, 100}};

template <typename Weight>
FloatMatmul<Weight> product(const Shape& s, const Weight* w, const float* x, float* y) {
  return {.w = w,
          .w_stride = s.cols,
          .rows = s.rows,
          .x = x,
          .x_stride = s.cols,
          .n = s.n,
          .cols = s.cols,
          .y = y,
          .y_stride = s.rows};
}

TEST(FloatMatmul, EverySetGivesTheReferenceBits) {
  Rng rng(1);
  for (const NamedTable& named : tables()) {
    for (const Shape& s : kShapes) {
      for (const Data data : kAllData) {
        Guarded<float> w(numbers(rng, s.rows * s.cols, data));
        Guarded<float> x(numbers(rng, s.n * s.cols, data));
        Guarded<float> y(s.rows * s.n);
        std::vector<float> expected(s.rows * s.n);
        named.table.matmul_f32(product<float>(s, w.data(), x.data(), y.data()));
        kReferenceKernels.matmul_f32(product<float>(s, w.data(), x.data(), expected.data()));
        ASSERT_TRUE(same_bits(y.copy(), expected))
            << named.name << " " << s.rows << " " << s.n << " " << s.cols;
      }
    }
  }
}

TEST(FloatMatmul, HalvesGiveTheBitsOfConvertingFirst) {
  Rng rng(2);
  for (const NamedTable& named : tables()) {
    for (const Shape& s : kShapes) {
      const std::vector<float> source = numbers(rng, s.rows * s.cols, Data::ordinary);
      Guarded<std::uint16_t> half(source.size());
      Guarded<std::uint16_t> bhalf(source.size());
      std::vector<float> half_values(source.size());
      std::vector<float> bhalf_values(source.size());
      for (std::size_t i = 0; i < source.size(); ++i) {
        half[i] = float_to_half(source[i]);
        bhalf[i] = float_to_bhalf(source[i]);
        half_values[i] = half_to_float(half[i]);
        bhalf_values[i] = bhalf_to_float(bhalf[i]);
      }
      Guarded<float> x(numbers(rng, s.n * s.cols, Data::ordinary));
      Guarded<float> y(s.rows * s.n);
      std::vector<float> expected(s.rows * s.n);
      named.table.matmul_f16(product<std::uint16_t>(s, half.data(), x.data(), y.data()));
      kReferenceKernels.matmul_f32(product<float>(s, half_values.data(), x.data(), expected.data()));
      ASSERT_TRUE(same_bits(y.copy(), expected)) << named.name;
      named.table.matmul_bf16(product<std::uint16_t>(s, bhalf.data(), x.data(), y.data()));
      kReferenceKernels.matmul_f32(product<float>(s, bhalf_values.data(), x.data(), expected.data()));
      ASSERT_TRUE(same_bits(y.copy(), expected)) << named.name;
    }
  }
}

// Masks of the last part are of two halves on some sets, so each length counts.
TEST(FloatMatmul, LastPartsOfEveryLengthGiveTheReferenceBits) {
  Rng rng(7);
  for (const NamedTable& named : tables()) {
    for (std::size_t cols = 1; cols <= 33; ++cols) {
      const Shape s{5, 3, cols};
      const std::vector<float> source = numbers(rng, s.rows * s.cols, Data::ordinary);
      Guarded<float> w(source);
      Guarded<std::uint16_t> half(source.size());
      Guarded<std::uint16_t> bhalf(source.size());
      for (std::size_t i = 0; i < source.size(); ++i) {
        half[i] = float_to_half(source[i]);
        bhalf[i] = float_to_bhalf(source[i]);
      }
      Guarded<float> x(numbers(rng, s.n * s.cols, Data::ordinary));
      const auto check = [&](auto entry, const auto* weights) {
        Guarded<float> y(s.rows * s.n);
        std::vector<float> expected(s.rows * s.n);
        (named.table.*entry)(product(s, weights, x.data(), y.data()));
        (kReferenceKernels.*entry)(product(s, weights, x.data(), expected.data()));
        EXPECT_TRUE(same_bits(y.copy(), expected)) << named.name << " " << cols;
      };
      check(&KernelTable::matmul_f32, static_cast<const float*>(w.data()));
      check(&KernelTable::matmul_f16, static_cast<const std::uint16_t*>(half.data()));
      check(&KernelTable::matmul_bf16, static_cast<const std::uint16_t*>(bhalf.data()));
    }
  }
}

TEST(FloatMatmul, TheReferenceIsTheSumInDouble) {
  Rng rng(3);
  const Shape s{5, 3, 1000};
  const std::vector<float> w = numbers(rng, s.rows * s.cols, Data::ordinary);
  const std::vector<float> x = numbers(rng, s.n * s.cols, Data::ordinary);
  std::vector<float> y(s.rows * s.n);
  kReferenceKernels.matmul_f32(product<float>(s, w.data(), x.data(), y.data()));
  for (std::size_t t = 0; t < s.n; ++t) {
    for (std::size_t r = 0; r < s.rows; ++r) {
      double exact = 0;
      double norm = 0;
      for (std::size_t i = 0; i < s.cols; ++i) {
        const double term = static_cast<double>(w[r * s.cols + i]) * static_cast<double>(x[t * s.cols + i]);
        exact += term;
        norm += std::abs(term);
      }
      // 1000 / 16 additions and 4 more, each rounding by at most 2^-24 of a partial sum.
      EXPECT_NEAR(static_cast<double>(y[t * s.rows + r]), exact, norm * 68 * 0x1p-24);
    }
  }
}

TEST(WeightedSum, EverySetGivesTheReferenceBitsAndLeavesTheRestAlone) {
  Rng rng(4);
  for (const NamedTable& named : tables()) {
    for (const std::size_t n : {1UL, 2UL, 3UL, 6UL, 7UL, 13UL}) {
      for (const std::size_t dim : {1UL, 16UL, 24UL, 64UL, 80UL, 89UL, 95UL, 128UL, 133UL}) {
        for (const std::size_t count : {0UL, 1UL, 9UL}) {
          Guarded<float> weights(numbers(rng, n * count, Data::ordinary));
          Guarded<float> values(numbers(rng, count * dim, Data::ordinary));
          const std::vector<float> before = numbers(rng, n * dim, Data::ordinary);
          Guarded<float> out(before);
          std::vector<float> expected = before;
          WeightedSum m{.weights = weights.data(),
                        .weights_stride = count,
                        .n = n,
                        .values = values.data(),
                        .values_stride = dim,
                        .count = count,
                        .dim = dim,
                        .out = out.data(),
                        .out_stride = dim};
          named.table.weighted_sum(m);
          m.out = expected.data();
          kReferenceKernels.weighted_sum(m);
          ASSERT_TRUE(same_bits(out.copy(), expected))
              << named.name << " " << n << " " << dim << " " << count;
          for (std::size_t q = 0; q < n; ++q) {
            for (std::size_t d = 0; d < dim; ++d) {
              double exact = static_cast<double>(before[q * dim + d]);
              for (std::size_t p = 0; p < count; ++p) {
                exact +=
                    static_cast<double>(weights[q * count + p]) * static_cast<double>(values[p * dim + d]);
              }
              ASSERT_NEAR(static_cast<double>(expected[q * dim + d]), exact, 40.0 * 10 * 0x1p-24);
            }
          }
        }
      }
    }
  }
}

TEST(Conversions, EveryHalfAndEveryBhalfComesOutExactly) {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  std::vector<float> expected(all.size());
  std::vector<float> out(all.size());
  for (const NamedTable& named : tables()) {
    named.table.f16_to_f32(all.data(), out.data(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) expected[i] = half_to_float(all[i]);
    ASSERT_TRUE(same_bits(out, expected)) << named.name;
    named.table.bf16_to_f32(all.data(), out.data(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) expected[i] = bhalf_to_float(all[i]);
    ASSERT_TRUE(same_bits(out, expected)) << named.name;
  }
}

TEST(Conversions, ToHalfRoundsToNearestEvenAndStaysInBounds) {
  std::vector<float> hostile = {0.0F,      -0.0F,          1.0F,           65504.0F, 65519.9F, 65520.0F,
                                1e30F,     6.1e-5F,        5.9e-8F,        2.98e-8F, 2.99e-8F, 0x1p-25F,
                                -0x1p-24F, 1.00048828125F, 1.00146484375F, 3e-45F};
  Rng rng(5);
  for (int i = 0; i < 5000; ++i) {
    hostile.push_back(
        static_cast<float>(std::ldexp(rng.next_double() - 0.5, static_cast<int>(rng.next_below(60)) - 40)));
  }
  for (const NamedTable& named : tables()) {
    for (const std::size_t n : {hostile.size(), 1UL, 5UL, 16UL, 19UL}) {
      Guarded<float> in(
          std::vector<float>(hostile.begin(), hostile.begin() + static_cast<std::ptrdiff_t>(n)));
      Guarded<std::uint16_t> out(n);
      named.table.f32_to_f16(in.data(), out.data(), n);
      for (std::size_t i = 0; i < n; ++i)
        ASSERT_EQ(out[i], float_to_half(in[i])) << named.name << " of " << in[i];
    }
  }
}

TEST(Conversions, KvBlocksReadAsTheCodecsDo) {
  Rng rng(6);
  for (const NamedTable& named : tables()) {
    for (const std::size_t blocks : {0UL, 1UL, 3UL}) {
      const std::size_t n = 32 * blocks;
      Guarded<float> in(numbers(rng, n, Data::ordinary));
      const auto check = [&](CodecId id, auto write, auto read) {
        const codec::Codec& codec = codec::codec_of(id);
        Guarded<std::byte> bytes(blocks * codec.block_bytes);
        write(in.data(), bytes.data(), n);
        Guarded<float> out(n);
        read(bytes.data(), out.data(), n);
        std::vector<float> expected(n);
        codec.decode(bytes.data(), expected.data(), blocks);
        EXPECT_TRUE(same_bits(out.copy(), expected)) << named.name;
        const double step = id == CodecId::q8_0 ? 2.0 / 127 : 2.0 / 8;
        for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(out[i], in[i], step * 1.01);
      };
      check(CodecId::q8_0, named.table.f32_to_q8_0, named.table.q8_0_to_f32);
      check(CodecId::q4_0, named.table.f32_to_q4_0, named.table.q4_0_to_f32);
    }
  }
}

}  // namespace
}  // namespace mote::kernels
