// Packing and products of whole matrices, for every weight format.
#include "kernels/linear.h"

#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "codec/codec.h"
#include "kernels/kernel_testing.h"

namespace mote::kernels {
namespace {

struct Matrix {
  std::vector<std::byte> bytes;
  QuantizedTensor tensor;
  std::vector<float> values;          // decoded
  std::vector<float> integer_values;  // what the integer form says: those, but of NF4 and FP4, near them

  Matrix(Rng& rng, CodecId id, std::size_t rows, std::size_t cols) {
    const codec::Codec& codec = codec::codec_of(id);
    const std::size_t blocks = rows * cols / codec.block_elements;
    std::vector<float> x(rows * cols);
    for (float& v : x) v = static_cast<float>(rng.next_normal());
    bytes.resize(blocks * codec.block_bytes);
    if (codec.encode_rtn != nullptr) {
      codec.encode_rtn(x.data(), bytes.data(), blocks);
    } else {
      for (std::size_t b = 0; b < blocks; ++b)
        fill_randomly(rng, codec, bytes.data() + b * codec.block_bytes);
    }
    values.resize(rows * cols);
    codec.decode(bytes.data(), values.data(), blocks);
    if (codec.integer_form != nullptr) integer_values = by_form(codec, bytes, blocks);
    tensor.codec = id;
    tensor.shape = Shape{rows, cols};
    tensor.planes = {bytes};
  }

 private:
  static std::vector<float> by_form(const codec::Codec& codec, const std::vector<std::byte>& bytes,
                                    std::size_t blocks) {
    const codec::IntegerForm& form = *codec.integer_form;
    std::vector<float> out;
    std::uint8_t codes[256];
    float scales[16];
    float mins[16];
    for (std::size_t b = 0; b < blocks; ++b) {
      form.unpack(bytes.data() + b * codec.block_bytes, codes, scales, mins);
      for (std::size_t i = 0; i < codec.block_elements; ++i) {
        const std::size_t g = i / form.group_elements;
        const int level = form.table != nullptr ? form.table[codes[i]] : codes[i] - form.offset;
        float value = scales[g] * static_cast<float>(level);
        if (form.has_min) value -= mins[g];
        out.push_back(value);
      }
    }
    return out;
  }

  // A block of a format without an encoder.
  static void fill_randomly(Rng& rng, const codec::Codec& codec, std::byte* block) {
    do {
      for (std::size_t i = 0; i < codec.block_bytes; ++i)
        block[i] = static_cast<std::byte>(rng.next_below(256));
    } while (!codec.is_finite(block, 1));
  }
};

PackedMatrix packed(const Matrix& m, bool integer) {
  auto p = prepare_pack(m.tensor, integer);
  EXPECT_TRUE(p.has_value());
  EXPECT_EQ(p->owned.size(), packed_bytes(m.tensor, integer));
  // Two halves, as two threads would.
  const std::size_t middle = p->tile_count() / 2;
  pack_tiles(m.tensor, *p, middle, p->tile_count());
  pack_tiles(m.tensor, *p, 0, middle);
  return std::move(*p);
}

struct Inputs {
  std::vector<float> values;
  AlignedBuffer buffer;
  Activations a;

  Inputs(Rng& rng, const KernelTable& table, std::size_t n, std::size_t cols)
      : values(n * cols), buffer(activation_scratch_bytes(n, cols)) {
    for (float& v : values) v = static_cast<float>(rng.next_normal());
    a.n = n;
    a.cols = cols;
    a.values = values.data();
    if (cols % 32 == 0) {
      bind_activation_scratch(a, buffer.data());
      quantize_activations(table, a, 0, n);
    }
  }
  // Columns [first, first + n) alone.
  [[nodiscard]] Activations slice(std::size_t first, std::size_t n) const {
    Activations s = a;
    s.n = n;
    s.values += first * a.cols;
    if (s.codes != nullptr) {
      s.codes += first * a.cols;
      s.scales += first * (a.cols / 32);
      s.sums += first * (a.cols / 16);
    }
    return s;
  }
};

std::vector<float> product(const KernelTable& table, const PackedMatrix& w, const Activations& a) {
  std::vector<float> y(a.n * w.rows);
  AlignedBuffer scratch(matmul_scratch_bytes(w, a.n));
  matmul(table, w, a, y.data(), w.rows, 0, w.tile_count(), scratch.data());
  return y;
}

TEST(Pack, UnpackingGivesBackWhatTheCodecUnpacks) {
  Rng rng(1);
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (codec.integer_form == nullptr) continue;
    const codec::IntegerForm& form = *codec.integer_form;
    const std::size_t rows = 21;
    const std::size_t cols = 512;
    const Matrix m(rng, codec.id, rows, cols);
    const PackedMatrix p = packed(m, true);
    ASSERT_TRUE(p.integer) << codec.name;
    std::vector<std::uint8_t> codes(cols);
    std::vector<float> scales(cols / form.group_elements);
    std::vector<float> mins(scales.size());
    for (std::size_t row = 0; row < rows; ++row) {
      unpack_row(p, row, codes.data(), scales.data(), mins.data());
      for (std::size_t i = 0; i < cols; ++i) {
        const std::size_t g = i / form.group_elements;
        float value = scales[g] * static_cast<float>(codes[i] - p.offset);
        if (form.has_min) value -= mins[g];
        ASSERT_EQ(value, m.integer_values[row * cols + i])
            << codec.name << " row " << row << " element " << i;
      }
    }
  }
}

// Keys of attention come one by one, in any order, and a product takes some of their tiles.
TEST(Pack, RowsOneByOneAreWhatTheWholeMatrixIs) {
  Rng rng(14);
  for (const CodecId id : {CodecId::q8_0, CodecId::q4_0, CodecId::q5_1, CodecId::q6_k}) {
    const std::size_t rows = 53;
    const std::size_t cols = 256;
    const Matrix m(rng, id, rows, cols);
    const PackedMatrix whole = packed(m, true);
    const PackedMatrix layout = integer_layout(id, rows, cols);
    ASSERT_EQ(layout.tile_bytes, whole.tile_bytes);
    AlignedBuffer tiles(layout.tile_count() * layout.tile_bytes);
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t row = i * 30 % rows;  // each once: 53 is a prime
      pack_row(layout, m.bytes.data() + row * m.bytes.size() / rows, row, tiles.data());
    }
    EXPECT_EQ(std::memcmp(tiles.data(), whole.tiles, tiles.size()), 0) << codec::codec_of(id).name;

    for (const auto& [name, table] : tables()) {
      const Inputs in(rng, table, 5, cols);
      const std::vector<float> expected = product(table, whole, in.a);
      const std::size_t first = kTileRows;
      const std::size_t count = 21;
      std::vector<float> y(in.a.n * count);
      AlignedBuffer scratch(matmul_scratch_bytes(layout, in.a.n));
      matmul_tiles(table, layout, tiles.data() + layout.tile_bytes, count, in.a, y.data(), count,
                   scratch.data());
      for (std::size_t t = 0; t < in.a.n; ++t) {
        for (std::size_t r = 0; r < count; ++r)
          ASSERT_EQ(y[t * count + r], expected[t * rows + first + r]) << name;
      }
    }
  }
  EXPECT_FALSE(integer_layout(CodecId::q8_0, 16, 40).integer);
}

TEST(Pack, BytesAreWhatTheLayoutSays) {
  Rng rng(2);
  // 4.5 bits: 576 columns of 16 rows are 4608 bytes of codes and 576 of half scales.
  EXPECT_EQ(packed_bytes(Matrix(rng, CodecId::q4_0, 16, 576).tensor, true), 4608U + 576U);
  EXPECT_EQ(packed_bytes(Matrix(rng, CodecId::q8_0, 17, 576).tensor, true), 2U * (9216U + 576U));
  // A super-block of 16 rows: codes, one byte per scale and min, two halves of factors.
  EXPECT_EQ(packed_bytes(Matrix(rng, CodecId::q4_k, 16, 512).tensor, true),
            2U * (16 * 128 + 16 * (8 + 8) + 16 * 4));
  EXPECT_EQ(packed_bytes(Matrix(rng, CodecId::q6_k, 16, 512).tensor, true),
            2U * (16 * 192 + 16 * 16 + 16 * 2));
  EXPECT_EQ(packed_bytes(Matrix(rng, CodecId::q2_k, 16, 512).tensor, true),
            2U * (16 * 64 + 16 * (16 + 16) + 16 * 4));
  EXPECT_EQ(packed_bytes(Matrix(rng, CodecId::q5_0, 16, 512).tensor, true), 16U * (320 + 16 * 2));
  EXPECT_EQ(packed_bytes(Matrix(rng, CodecId::q4_0, 16, 576).tensor, false), 0U);
  EXPECT_EQ(packed_bytes(Matrix(rng, CodecId::f16, 16, 576).tensor, true), 0U);
}

TEST(Pack, AMatrixTooLargeForMemoryIsAnErrorWithItsSize) {
  QuantizedTensor huge;
  huge.codec = CodecId::q8_0;
  huge.shape = Shape{1ULL << 62U, 1ULL << 12U};
  const auto p = prepare_pack(huge, true);
  ASSERT_FALSE(p.has_value());
  EXPECT_EQ(p.error().code.name, "OUT_OF_MEMORY");
  EXPECT_NE(p.error().message.find("4611686018427387904 x 4096"), std::string::npos) << p.error().message;
}

// |integer product - exact product| comes from rounding activations to 8 bits: half a step of each group.
TEST(Matmul, IntegerPathIsTheProductWithRoundedActivations) {
  Rng rng(3);
  const std::size_t rows = 35;
  const std::size_t cols = 512;
  const std::size_t n = 3;
  for (const NamedTable& named : tables()) {
    for (const codec::Codec& codec : codec::all_codecs()) {
      if (codec.integer_form == nullptr) continue;
      const Matrix m(rng, codec.id, rows, cols);
      const Inputs in(rng, named.table, n, cols);
      const std::vector<float> y = product(named.table, packed(m, true), in.a);
      for (std::size_t t = 0; t < n; ++t) {
        for (std::size_t r = 0; r < rows; ++r) {
          double exact = 0;
          double norm = 0;
          for (std::size_t i = 0; i < cols; ++i) {
            const double rounded =
                static_cast<double>(in.a.scales[t * cols / 32 + i / 32]) * in.a.codes[t * cols + i];
            const double term = static_cast<double>(m.integer_values[r * cols + i]) * rounded;
            exact += term;
            norm += std::abs(term);
          }
          ASSERT_NEAR(static_cast<double>(y[t * rows + r]), exact, norm * 1e-5)
              << named.name << " " << codec.name;
        }
      }
    }
  }
}

TEST(Matmul, FloatPathIsTheProductWithDecodedWeights) {
  Rng rng(4);
  for (const NamedTable& named : tables()) {
    for (const codec::Codec& codec : codec::all_codecs()) {
      const std::size_t rows = 19;
      const std::size_t cols = codec.is_plain_float() ? 77 : 256;
      const Matrix m(rng, codec.id, rows, cols);
      const PackedMatrix p = packed(m, false);
      ASSERT_FALSE(p.integer);
      for (const std::size_t n : {1UL, 2UL, 7UL}) {
        const Inputs in(rng, named.table, n, cols);
        const std::vector<float> y = product(named.table, p, in.a);
        for (std::size_t t = 0; t < n; ++t) {
          for (std::size_t r = 0; r < rows; ++r) {
            double exact = 0;
            double norm = 0;
            for (std::size_t i = 0; i < cols; ++i) {
              const double term =
                  static_cast<double>(m.values[r * cols + i]) * static_cast<double>(in.values[t * cols + i]);
              exact += term;
              norm += std::abs(term);
            }
            ASSERT_NEAR(static_cast<double>(y[t * rows + r]), exact, norm * 20 * 0x1p-24)
                << named.name << " " << codec.name;
          }
        }
      }
    }
  }
}

TEST(Matmul, ColumnsThatTheGroupsDoNotDivideTakeTheFloatPath) {
  Rng rng(5);
  const Matrix m(rng, CodecId::f16, 16, 33);
  EXPECT_FALSE(packed(m, true).integer);
}

TEST(Matmul, StoredNumbersNeedNoAlignment) {
  Rng rng(6);
  for (const CodecId id : {CodecId::f32, CodecId::f16, CodecId::bf16}) {
    Matrix m(rng, id, 18, 40);
    std::vector<std::byte> moved(m.bytes.size() + 1);
    std::copy(m.bytes.begin(), m.bytes.end(), moved.begin() + 1);
    QuantizedTensor odd = m.tensor;
    odd.planes = {std::span(moved).subspan(1)};
    for (const NamedTable& named : tables()) {
      for (const std::size_t n : {1UL, 5UL}) {
        const Inputs in(rng, named.table, n, 40);
        auto p = prepare_pack(odd, false);
        ASSERT_TRUE(p.has_value());
        EXPECT_TRUE(same_bits(product(named.table, *p, in.a), product(named.table, packed(m, false), in.a)));
      }
    }
  }
}

// The promise of linear.h: neither the number of columns nor the split over tiles changes a bit.
TEST(Matmul, ARowNeverDependsOnColumnsOrSplit) {
  Rng rng(7);
  const std::size_t rows = 53;
  const std::size_t cols = 256;
  constexpr std::size_t kMaxN = 130;  // more than one chunk of columns
  constexpr CodecId kIds[] = {CodecId::f32,  CodecId::f16,  CodecId::q4_0,  CodecId::q4_1,  CodecId::q5_0,
                              CodecId::q8_0, CodecId::q2_k, CodecId::q4_k,  CodecId::q6_k,  CodecId::iq4_xs,
                              CodecId::f64,  CodecId::q1_0, CodecId::tq2_0, CodecId::nvfp4, CodecId::iq1_m};
  for (const NamedTable& named : tables()) {
    for (const CodecId id : kIds) {
      const Matrix m(rng, id, rows, cols);
      for (const bool integer : {true, false}) {
        const PackedMatrix p = packed(m, integer);
        const Inputs in(rng, named.table, kMaxN, cols);
        std::vector<float> single;
        for (std::size_t t = 0; t < kMaxN; ++t) {
          const std::vector<float> y = product(named.table, p, in.slice(t, 1));
          single.insert(single.end(), y.begin(), y.end());
        }
        for (std::size_t n = 1; n <= 40; ++n) {
          const std::vector<float> y = product(named.table, p, in.slice(0, n));
          ASSERT_TRUE(same_bits(y, std::span(single).first(n * rows))) << named.name << " n " << n;
        }
        ASSERT_TRUE(same_bits(product(named.table, p, in.a), single)) << named.name;
        // Tile by tile into a wider output.
        const std::size_t stride = rows + 3;
        std::vector<float> split(9 * stride, -1.0F);
        AlignedBuffer scratch(matmul_scratch_bytes(p, 9));
        for (std::size_t tile = 0; tile < p.tile_count(); ++tile) {
          matmul(named.table, p, in.slice(0, 9), split.data(), stride, tile, tile + 1, scratch.data());
        }
        for (std::size_t t = 0; t < 9; ++t) {
          ASSERT_TRUE(same_bits(std::span(split).subspan(t * stride, rows),
                                std::span(single).subspan(t * rows, rows)));
          for (std::size_t i = rows; i < stride; ++i) ASSERT_EQ(split[t * stride + i], -1.0F);
        }
      }
    }
  }
}

TEST(Matmul, TheFactorMultipliesOnceEveryProductOfTheTilesAsked) {
  Rng rng(9);
  const Matrix m(rng, CodecId::nvfp4, 37, 128);
  for (const NamedTable& named : tables()) {
    for (const bool integer : {true, false}) {
      PackedMatrix p = packed(m, integer);
      const Inputs in(rng, named.table, 3, 128);
      std::vector<float> expected = product(named.table, p, in.a);
      for (float& v : expected) v *= 0.7F;
      p.factor = 0.7F;
      std::vector<float> y(expected.size());
      AlignedBuffer scratch(matmul_scratch_bytes(p, 3));
      for (std::size_t tile = 0; tile < p.tile_count(); ++tile) {
        matmul(named.table, p, in.a, y.data(), p.rows, tile, tile + 1, scratch.data());
      }
      EXPECT_TRUE(same_bits(y, expected)) << named.name;
    }
  }
}

TEST(Matmul, EverySetGivesTheSameBits) {
  Rng rng(8);
  const auto all = tables();
  for (const codec::Codec& codec : codec::all_codecs()) {
    const Matrix m(rng, codec.id, 40, 768);
    for (const bool integer : {true, false}) {
      const PackedMatrix p = packed(m, integer);
      const Inputs in(rng, all.front().table, 5, 768);
      const std::vector<float> expected = product(all.front().table, p, in.a);
      for (const NamedTable& named : all) {
        ASSERT_TRUE(same_bits(product(named.table, p, in.a), expected)) << named.name << " " << codec.name;
      }
    }
  }
}

}  // namespace
}  // namespace mote::kernels
