// Integer products and activation quantization: every instruction set against the reference, bit for bit, and
// the reference against arithmetic in double.
#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernel_testing.h"
#include "kernels/reference/reference.h"
#include "tensor/float16.h"

namespace mote::kernels {
namespace {

constexpr std::size_t kBlock = 32;

TEST(QuantizeRow, EverySetGivesTheReferenceBits) {
  Rng rng(1);
  for (const NamedTable& named : tables()) {
    for (const std::size_t cols : {0UL, 32UL, 64UL, 96UL, 576UL}) {
      for (const Data data : kAllData) {
        Guarded<float> x(numbers(rng, cols, data));
        Guarded<std::int8_t> codes(cols);
        Guarded<float> scales(cols / kBlock);
        Guarded<std::int32_t> sums(cols / 16);
        std::vector<std::int8_t> expected_codes(cols);
        std::vector<float> expected_scales(cols / kBlock);
        std::vector<std::int32_t> expected_sums(cols / 16);
        named.table.quantize_row(x.data(), cols, codes.data(), scales.data(), sums.data());
        kReferenceKernels.quantize_row(x.data(), cols, expected_codes.data(), expected_scales.data(),
                                       expected_sums.data());
        EXPECT_EQ(codes.copy(), expected_codes) << named.name << " " << cols;
        EXPECT_TRUE(same_bits(scales.copy(), expected_scales)) << named.name << " " << cols;
        EXPECT_EQ(sums.copy(), expected_sums) << named.name << " " << cols;
      }
    }
  }
}

TEST(QuantizeRow, ErrsByHalfAStepAtMost) {
  Rng rng(2);
  const std::vector<float> x = numbers(rng, 320, Data::ordinary);
  std::vector<std::int8_t> codes(320);
  std::vector<float> scales(10);
  std::vector<std::int32_t> sums(20);
  kReferenceKernels.quantize_row(x.data(), 320, codes.data(), scales.data(), sums.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(scales[i / 32]) * codes[i], x[i],
                0.5001 * static_cast<double>(scales[i / 32]));
  }
  for (std::size_t s = 0; s < sums.size(); ++s) {
    int sum = 0;
    for (std::size_t i = 0; i < 16; ++i) sum += codes[16 * s + i];
    EXPECT_EQ(sums[s], sum);
  }
}

TEST(QuantizeRow, AGroupThatIsNotFiniteBecomesNaNAndLeavesTheOthersAlone) {
  std::vector<float> x(64, 1.0F);
  x[40] = std::numeric_limits<float>::infinity();
  std::vector<std::int8_t> codes(64);
  std::vector<float> scales(2);
  std::vector<std::int32_t> sums(4);
  kReferenceKernels.quantize_row(x.data(), 64, codes.data(), scales.data(), sums.data());
  EXPECT_EQ(scales[0], 1.0F / 127.0F);
  EXPECT_TRUE(std::isnan(scales[1]));
}

// A made-up packed matrix and activations for it.
struct Case {
  bool nibbles;
  std::size_t group;
  bool half_scales;
  bool has_min;
  bool has_table;
  std::uint8_t max_value;
  std::int32_t offset;
};

constexpr Case kCases[] = {
    {true, 32, true, false, false, 15, 8},                                                  // Q4_0
    {true, 32, true, true, false, 15, 0},                                                   // Q4_1
    {true, 32, false, true, false, 15, 0},                                                  // Q4_K
    {true, 32, true, false, true, 255, 128},                                                // IQ4_NL
    {true, 32, false, false, true, 255, 128},                                               // IQ4_XS
    {true, 16, false, true, false, 3, 0},                                                   // Q2_K
    {true, 16, false, false, false, 7, 4},                                                  // Q3_K
    {true, 16, false, false, true, 255, 128},   {false, 32, true, false, false, 255, 128},  // Q8_0
    {false, 32, true, false, false, 31, 16},                                                // Q5_0
    {false, 32, false, true, false, 31, 0},                                                 // Q5_K
    {false, 16, false, false, false, 63, 32},                                               // Q6_K
    {false, 16, false, true, false, 255, 128},  {false, 32, true, false, false, 127, 64},
    {true, 32, true, false, false, 3, 1},        // TQ1_0
    {true, 16, true, false, true, 255, 128},     // NVFP4
    {false, 32, false, false, false, 255, 128},  // Q8_K
    {false, 32, true, false, false, 63, 32},     // no format, but the largest that fits four to 16 bits
};

struct Problem {
  Guarded<std::byte> tiles;
  std::vector<std::uint8_t> values;
  Guarded<std::int8_t> codes;
  Guarded<float> scales;
  Guarded<std::int32_t> correction;
  Guarded<float> min_sums;
  IntegerMatmul m;

  Problem(Rng& rng, const Case& c, std::size_t rows, std::size_t cols, std::size_t n)
      : tiles((rows + 15) / 16 * tile_bytes(c, cols)),
        values(16),
        codes(n * cols),
        scales(n * cols / kBlock),
        correction(n * cols / c.group),
        min_sums(n * cols / c.group),
        m{} {
    const std::size_t groups = cols / c.group;
    const std::size_t code_bytes = cols * 16 / (c.nibbles ? 2 : 1);
    for (std::size_t t = 0; t < (rows + 15) / 16; ++t) {
      std::byte* tile = tiles.data() + t * tile_bytes(c, cols);
      for (std::size_t i = 0; i < code_bytes; ++i) {
        const auto low = rng.next_below(c.has_table ? 16 : c.max_value + 1U);
        const auto high = rng.next_below(c.has_table ? 16 : c.max_value + 1U);
        // Every few bytes the largest code, so that sums in 16 bits come near their limit.
        const std::uint64_t code = i % 3 != 0 ? low : (c.has_table ? 15 : c.max_value);
        tile[i] = static_cast<std::byte>(c.nibbles ? code + 16 * (i % 3 != 0 ? high : code) : code);
      }
      for (std::size_t i = 0; i < groups * 16 * (c.has_min ? 2 : 1); ++i) {
        const auto scale = static_cast<float>(rng.next_double() - 0.5);
        if (c.half_scales) {
          const Half h = float_to_half(scale);
          std::memcpy(tile + code_bytes + i * sizeof h, &h, sizeof h);
        } else {
          std::memcpy(tile + code_bytes + i * sizeof scale, &scale, sizeof scale);
        }
      }
    }
    for (auto& v : values) v = static_cast<std::uint8_t>(rng.next_below(256));
    values[0] = 0;
    values[15] = 255;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      codes[i] = static_cast<std::int8_t>(i % 5 == 0 ? 127 : static_cast<int>(rng.next_below(255)) - 127);
    }
    for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<float>(rng.next_double() * 0.1);
    for (std::size_t g = 0; g < correction.size(); ++g) {
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < c.group; ++i) sum += codes[g * c.group + i];
      correction[g] = -c.offset * sum;
      min_sums[g] = scales[g * c.group / kBlock] * static_cast<float>(sum);
    }
    m = {.tiles = tiles.data(),
         .tile_bytes = tile_bytes(c, cols),
         .tile_count = (rows + 15) / 16,
         .cols = cols,
         .group = c.group,
         .half_scales = c.half_scales,
         .has_min = c.has_min,
         .max_value = c.max_value,
         .values = c.has_table ? values.data() : nullptr,
         .n = n,
         .codes = codes.data(),
         .scales = scales.data(),
         .correction = correction.data(),
         .min_sums = c.has_min ? min_sums.data() : nullptr,
         .y = nullptr,
         .y_stride = rows,
         .rows = rows};
  }

  static std::size_t tile_bytes(const Case& c, std::size_t cols) {
    const std::size_t scale_bytes = cols / c.group * 16 * (c.half_scales ? 2 : 4) * (c.has_min ? 2 : 1);
    return (cols * 16 / (c.nibbles ? 2 : 1) + scale_bytes + 63) / 64 * 64;
  }
};

void run(const KernelTable& table, const Case& c, IntegerMatmul m, float* y) {
  m.y = y;
  (c.nibbles ? table.matmul_u4 : table.matmul_u8)(m);
}

// Sums in 16 bits are largest where all products have one sign and the largest magnitude.
TEST(IntegerMatmul, EverySetGivesTheReferenceBitsAtTheLimitsOfCodes) {
  Rng rng(5);
  for (const NamedTable& named : tables()) {
    for (const Case& c : kCases) {
      for (const int activation : {127, -127}) {
        for (const bool largest : {true, false}) {
          Problem p(rng, c, 19, 64, 5);
          const auto code = static_cast<std::uint8_t>(largest ? (c.has_table ? 15 : c.max_value) : 0);
          const std::size_t code_bytes = 64 * 16 / (c.nibbles ? 2 : 1);
          for (std::size_t t = 0; t < p.m.tile_count; ++t) {
            std::memset(p.tiles.data() + t * p.m.tile_bytes, c.nibbles ? code * 17 : code, code_bytes);
          }
          for (std::size_t i = 0; i < p.codes.size(); ++i) p.codes[i] = static_cast<std::int8_t>(activation);
          for (std::size_t g = 0; g < p.correction.size(); ++g)
            p.correction[g] = -c.offset * activation * static_cast<int>(c.group);
          Guarded<float> y(19 * 5);
          std::vector<float> expected(19 * 5);
          run(named.table, c, p.m, y.data());
          run(kReferenceKernels, c, p.m, expected.data());
          ASSERT_TRUE(same_bits(y.copy(), expected)) << named.name << (c.nibbles ? " u4" : " u8") << " group "
                                                     << c.group << " max " << int{c.max_value};
        }
      }
    }
  }
}

TEST(IntegerMatmul, EverySetGivesTheReferenceBitsForAllLayoutsAndShapes) {
  Rng rng(3);
  struct Shape {
    std::size_t rows, cols, n;
  };
  constexpr Shape kShapes[] = {{1, 32, 1},   {7, 64, 2},   {16, 96, 3},  {17, 32, 4},  {40, 160, 5},
                               {9, 64, 6},   {8, 96, 7},   {33, 64, 16}, {16, 64, 17}, {24, 96, 31},
                               {20, 32, 40}, {48, 576, 9}, {16, 320, 8}, {5, 128, 33}, {31, 32, 11}};
  for (const NamedTable& named : tables()) {
    if (named.name == "reference") continue;
    for (const Case& c : kCases) {
      for (const Shape& s : kShapes) {
        Problem p(rng, c, s.rows, s.cols, s.n);
        Guarded<float> y(s.rows * s.n);
        std::vector<float> expected(s.rows * s.n);
        run(named.table, c, p.m, y.data());
        run(kReferenceKernels, c, p.m, expected.data());
        ASSERT_TRUE(same_bits(y.copy(), expected))
            << named.name << (c.nibbles ? " u4" : " u8") << " group " << c.group << " offset " << c.offset
            << " max " << int{c.max_value} << " rows " << s.rows << " cols " << s.cols << " n " << s.n;
      }
    }
  }
}

TEST(IntegerMatmul, TheReferenceIsTheFormulaInDouble) {
  Rng rng(4);
  for (const Case& c : kCases) {
    const std::size_t rows = 20;
    const std::size_t cols = 96;
    const std::size_t n = 3;
    Problem p(rng, c, rows, cols, n);
    std::vector<float> y(rows * n);
    run(kReferenceKernels, c, p.m, y.data());
    const std::size_t groups = cols / c.group;
    for (std::size_t t = 0; t < n; ++t) {
      for (std::size_t row = 0; row < rows; ++row) {
        const std::byte* tile = p.tiles.data() + row / 16 * p.m.tile_bytes;
        const std::byte* scales = tile + cols * 16 / (c.nibbles ? 2 : 1);
        const auto scale = [&](std::size_t index) {
          if (c.half_scales) {
            Half h = 0;
            std::memcpy(&h, scales + 2 * index, 2);
            return static_cast<double>(half_to_float(h));
          }
          float f = 0;
          std::memcpy(&f, scales + 4 * index, 4);
          return static_cast<double>(f);
        };
        double exact = 0;
        double norm = 0;
        for (std::size_t i = 0; i < cols; ++i) {
          const std::size_t k = i % 32;
          const std::size_t g = i / c.group;
          int value = 0;
          if (c.nibbles) {
            const int pair =
                std::to_integer<int>(tile[i / 32 * 256 + 64 * (k / 4 % 4) + 4 * (row % 16) + k % 4]);
            value = k < 16 ? pair % 16 : pair / 16;
            if (c.has_table) value = p.values[static_cast<std::size_t>(value)];
          } else {
            value = std::to_integer<int>(tile[i / 32 * 512 + 64 * (k / 4) + 4 * (row % 16) + k % 4]);
          }
          double weight = scale(g * 16 + row % 16) * (value - c.offset);
          if (c.has_min) weight -= scale(groups * 16 + g * 16 + row % 16);
          const double a = static_cast<double>(p.scales[t * 3 + i / 32]) * p.codes[t * cols + i];
          exact += weight * a;
          norm += std::abs(scale(g * 16 + row % 16) * 256 * a) + std::abs(weight * a);
        }
        EXPECT_NEAR(y[t * rows + row], exact, norm * 1e-6);
      }
    }
  }
}

}  // namespace
}  // namespace mote::kernels
