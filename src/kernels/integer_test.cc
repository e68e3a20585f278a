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
  int bits;
  std::size_t group;
  ScaleKind kind;
  bool has_min;
  bool has_table;
  std::uint8_t max_value;
  std::int32_t offset;
  [[nodiscard]] std::uint8_t max_code() const {
    return has_table ? static_cast<std::uint8_t>((1U << static_cast<unsigned>(bits)) - 1U) : max_value;
  }
};

constexpr Case kCases[] = {
    {4, 32, ScaleKind::half, false, false, 15, 8},       // Q4_0
    {4, 32, ScaleKind::half, true, false, 15, 0},        // Q4_1
    {4, 32, ScaleKind::product, true, false, 15, 0},     // Q4_K
    {4, 32, ScaleKind::half, false, true, 255, 128},     // IQ4_NL
    {4, 32, ScaleKind::product, false, true, 255, 128},  // IQ4_XS
    {2, 16, ScaleKind::product, true, false, 3, 0},      // Q2_K
    {3, 16, ScaleKind::product, false, false, 7, 4},     // Q3_K
    {8, 32, ScaleKind::half, false, false, 255, 128},    // Q8_0
    {5, 32, ScaleKind::half, false, false, 31, 16},      // Q5_0
    {5, 32, ScaleKind::half, true, false, 31, 0},        // Q5_1
    {5, 32, ScaleKind::product, true, false, 31, 0},     // Q5_K
    {6, 16, ScaleKind::product, false, false, 63, 32},   // Q6_K
    {2, 32, ScaleKind::half, false, false, 3, 1},        // TQ1_0
    {4, 16, ScaleKind::half, false, true, 255, 128},     // NVFP4
    {3, 32, ScaleKind::single, false, true, 255, 128},   // IQ2_XXS
    {3, 16, ScaleKind::single, false, true, 255, 128},   // IQ2_S
    {4, 32, ScaleKind::single, false, true, 255, 128},   // IQ3_S
    {8, 32, ScaleKind::single, false, false, 255, 128},  // Q8_K
    // No formats from here on: what kernels could still do.
    {8, 32, ScaleKind::half, false, false, 127, 64},
    {8, 32, ScaleKind::half, false, false, 63, 32},  // the largest that fits four to 16 bits
    {8, 16, ScaleKind::single, true, false, 255, 128},
    {4, 16, ScaleKind::single, true, false, 15, 3},
    {2, 32, ScaleKind::single, false, true, 255, 128},
    {2, 16, ScaleKind::product, true, true, 255, 128},
    {3, 32, ScaleKind::half, true, false, 7, 0},
    {5, 16, ScaleKind::single, true, false, 31, 7},
    {6, 32, ScaleKind::half, true, false, 63, 1},
};

std::string name_of(const Case& c) {
  return std::to_string(c.bits) + " bits, groups of " + std::to_string(c.group) + ", scale kind " +
         std::to_string(static_cast<int>(c.kind)) + (c.has_min ? ", mins" : "") +
         (c.has_table ? ", table" : "") + ", values to " + std::to_string(c.max_value);
}

// Puts a code where kernel_table.h says, bit by bit.
void write_code(std::byte* block, int bits, std::size_t row, std::size_t element, std::uint8_t code) {
  const std::size_t i = element / 4;
  const std::size_t p = 4 * row + element % 4;
  const int low = bits == 8 ? 8 : bits >= 4 ? 4 : 2;
  for (int k = 0; k < bits; ++k) {
    const int width = k < low ? low : bits - low;
    const auto bit = static_cast<std::size_t>(k < low ? k : k - low);
    const std::size_t plane = k < low ? 0 : 64 * static_cast<std::size_t>(low);
    std::size_t byte = 0;
    std::size_t shift = 0;
    if (width == 8) byte = i;
    if (width == 4) byte = i % 4, shift = 4 * (i / 4);
    if (width == 2) byte = i / 4, shift = 2 * (i % 4);
    if (width == 1) shift = i;
    const auto mask = static_cast<std::byte>(1U << (shift + bit));
    std::byte& at = block[plane + 64 * byte + p];
    at = (code >> k & 1) != 0 ? at | mask : at & ~mask;
  }
}

struct Problem {
  Case c;
  std::size_t cols;
  std::size_t groups;
  std::size_t tile_size;
  Guarded<std::byte> tiles;
  std::vector<std::uint8_t> values;
  std::vector<std::uint8_t> weights;  // [rows of all tiles][cols]
  std::vector<double> weight_scales;  // [rows of all tiles][groups]
  std::vector<double> weight_mins;
  Guarded<std::int8_t> codes;
  Guarded<float> scales;
  Guarded<std::int32_t> correction;
  Guarded<float> min_sums;
  IntegerMatmul m;

  // At least `wanted_cols`: factors take whole super-blocks.
  Problem(Rng& rng, const Case& of, std::size_t rows, std::size_t wanted_cols, std::size_t n)
      : c(of),
        cols(c.kind == ScaleKind::product ? (wanted_cols + 255) / 256 * 256 : wanted_cols),
        groups(cols / c.group),
        tile_size(bytes_of_tile()),
        tiles((rows + 15) / 16 * tile_size),
        values(16),
        weights((rows + 15) / 16 * 16 * cols),
        weight_scales(weights.size() / c.group),
        weight_mins(weight_scales.size()),
        codes(n * cols),
        scales(n * cols / kBlock),
        correction(n * groups),
        min_sums(n * groups),
        m{} {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      // Every few codes the largest, so that sums in 16 bits come near their limit.
      weights[i] = i % 3 == 0 ? c.max_code() : static_cast<std::uint8_t>(rng.next_below(c.max_code() + 1U));
    }
    write_weights();
    for (std::size_t tile = 0; tile < (rows + 15) / 16; ++tile) write_scales(rng, tile);
    for (auto& v : values) v = static_cast<std::uint8_t>(rng.next_below(256));
    values[0] = 0;
    if (c.has_table) values[c.max_code()] = 255;
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
         .tile_bytes = tile_size,
         .tile_count = (rows + 15) / 16,
         .cols = cols,
         .group = c.group,
         .code_bits = static_cast<std::uint8_t>(c.bits),
         .scale_kind = c.kind,
         .has_min = c.has_min,
         .max_value = c.max_value,
         .values = c.has_table ? values.data() : nullptr,
         .offset = c.offset,
         .n = n,
         .codes = codes.data(),
         .scales = scales.data(),
         .correction = correction.data(),
         .min_sums = c.has_min ? min_sums.data() : nullptr,
         .y = nullptr,
         .y_stride = rows,
         .rows = rows};
  }

  void write_weights() {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::size_t row = i / cols;
      const std::size_t block = i % cols / 32 * 64 * static_cast<std::size_t>(c.bits);
      write_code(tiles.data() + row / 16 * tile_size + block, c.bits, row % 16, i % 32, weights[i]);
    }
  }

 private:
  [[nodiscard]] std::size_t scale_bytes() const {
    return c.kind == ScaleKind::half ? 2 : c.kind == ScaleKind::single ? 4 : 1;
  }
  [[nodiscard]] std::size_t factor_bytes() const {
    return c.kind == ScaleKind::product ? cols / 256 * 32 : 0;
  }
  [[nodiscard]] std::size_t bytes_of_tile() const {
    const std::size_t lists = groups * 16 * scale_bytes() + factor_bytes();
    return (cols * 2 * static_cast<std::size_t>(c.bits) + lists * (c.has_min ? 2 : 1) + 63) / 64 * 64;
  }
  static double put_half(std::byte* at, float value) {
    const Half h = float_to_half(value);
    std::memcpy(at, &h, sizeof h);
    return static_cast<double>(half_to_float(h));
  }

  // Scales, mins, factors of scales, factors of mins: one list behind another.
  void write_scales(Rng& rng, std::size_t tile) {
    std::byte* list = tiles.data() + tile * tile_size + cols * 2 * static_cast<std::size_t>(c.bits);
    std::byte* factors = list + groups * 16 * scale_bytes() * (c.has_min ? 2 : 1);
    for (std::vector<double>* out : {&weight_scales, c.has_min ? &weight_mins : nullptr}) {
      if (out == nullptr) break;
      std::vector<double> of_rows(cols / 256 * 16 + 1);
      for (std::size_t i = 0; c.kind == ScaleKind::product && i < cols / 256 * 16; ++i) {
        of_rows[i] = put_half(factors + 2 * i, static_cast<float>(rng.next_double() * 0.01 - 0.002));
      }
      for (std::size_t i = 0; i < groups * 16; ++i) {
        const auto value = static_cast<float>(rng.next_double() - 0.5);
        const auto code = static_cast<std::int8_t>(static_cast<int>(rng.next_below(256)) - 128);
        double& to = (*out)[(tile * 16 + i % 16) * groups + i / 16];
        if (c.kind == ScaleKind::half) {
          to = put_half(list + 2 * i, value);
        } else if (c.kind == ScaleKind::single) {
          std::memcpy(list + 4 * i, &value, sizeof value);
          to = static_cast<double>(value);
        } else {
          list[i] = static_cast<std::byte>(code);
          to = of_rows[i / 16 * c.group / 256 * 16 + i % 16] * code;
        }
      }
      list += groups * 16 * scale_bytes();
      factors += factor_bytes();
    }
  }
};

void run(const KernelTable& table, IntegerMatmul m, float* y) {
  m.y = y;
  table.matmul_integer(m);
}

// Sums in 16 bits are largest where all products have one sign and the largest magnitude.
TEST(IntegerMatmul, EverySetGivesTheReferenceBitsAtTheLimitsOfCodes) {
  Rng rng(5);
  for (const NamedTable& named : tables()) {
    for (const Case& c : kCases) {
      for (const int activation : {127, -127}) {
        for (const bool largest : {true, false}) {
          Problem p(rng, c, 19, 64, 18);
          std::ranges::fill(p.weights, largest ? c.max_code() : std::uint8_t{0});
          p.write_weights();
          for (std::size_t i = 0; i < p.codes.size(); ++i) p.codes[i] = static_cast<std::int8_t>(activation);
          for (std::size_t g = 0; g < p.correction.size(); ++g)
            p.correction[g] = -c.offset * activation * static_cast<int>(c.group);
          Guarded<float> y(19 * 18);
          std::vector<float> expected(19 * 18);
          run(named.table, p.m, y.data());
          run(kReferenceKernels, p.m, expected.data());
          ASSERT_TRUE(same_bits(y.copy(), expected)) << named.name << ": " << name_of(c);
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
  constexpr Shape kShapes[] = {{1, 32, 1},   {7, 64, 2},   {16, 96, 3},  {17, 32, 4},
                               {40, 160, 5}, {9, 64, 6},   {8, 96, 7},   {33, 64, 16},
                               {16, 64, 17}, {24, 96, 31}, {20, 32, 40}, {48, 576, 9},
                               {16, 320, 8}, {5, 128, 33}, {31, 32, 11}, {33, 64, 130}};
  for (const NamedTable& named : tables()) {
    if (named.name == "reference") continue;
    for (const Case& c : kCases) {
      for (const Shape& s : kShapes) {
        Problem p(rng, c, s.rows, s.cols, s.n);
        Guarded<float> y(s.rows * s.n);
        std::vector<float> expected(s.rows * s.n);
        run(named.table, p.m, y.data());
        run(kReferenceKernels, p.m, expected.data());
        ASSERT_TRUE(same_bits(y.copy(), expected))
            << named.name << ": " << name_of(c) << ", offset " << c.offset << ", rows " << s.rows << " cols "
            << p.cols << " n " << s.n;
      }
    }
  }
}

// Three tiles of which the second-level cache takes two at a time.
TEST(IntegerMatmul, BandsOfTilesLeaveNoneOut) {
  Rng rng(6);
  for (const Case& c : kCases) {
    if (c.bits != 8 || c.group != 32 || c.kind != ScaleKind::half || c.max_value != 255) continue;
    Problem p(rng, c, 33, 20480, 16);
    std::vector<float> expected(std::size_t{33} * 16);
    run(kReferenceKernels, p.m, expected.data());
    for (const NamedTable& named : tables()) {
      if (named.name == "reference") continue;
      std::vector<float> y(expected.size());
      run(named.table, p.m, y.data());
      ASSERT_TRUE(same_bits(y, expected)) << named.name << ": " << name_of(c);
    }
  }
}

TEST(IntegerMatmul, TheReferenceIsTheFormulaInDouble) {
  Rng rng(4);
  for (const Case& c : kCases) {
    const std::size_t rows = 20;
    const std::size_t n = 3;
    const Problem p(rng, c, rows, 96, n);
    std::vector<float> y(rows * n);
    run(kReferenceKernels, p.m, y.data());
    for (std::size_t t = 0; t < n; ++t) {
      for (std::size_t row = 0; row < rows; ++row) {
        double exact = 0;
        double norm = 0;
        for (std::size_t i = 0; i < p.cols; ++i) {
          const std::size_t g = row * p.groups + i / c.group;
          const std::uint8_t code = p.weights[row * p.cols + i];
          const int value = c.has_table ? p.values[code] : code;
          double weight = p.weight_scales[g] * (value - c.offset);
          if (c.has_min) weight -= p.weight_mins[g];
          const double a =
              static_cast<double>(p.m.scales[t * p.cols / 32 + i / 32]) * p.m.codes[t * p.cols + i];
          exact += weight * a;
          norm += std::abs(p.weight_scales[g] * 256 * a) + std::abs(weight * a);
        }
        EXPECT_NEAR(y[t * rows + row], exact, norm * 1e-6) << name_of(c);
      }
    }
  }
}

}  // namespace
}  // namespace mote::kernels
