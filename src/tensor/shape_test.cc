#include "tensor/shape.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "tensor/aligned_buffer.h"
#include "tensor/quantized_tensor.h"

namespace mote {
namespace {

TEST(Shape, CountsRowsAndColumnsWithTheLastDimensionContiguous) {
  const Shape matrix = {49152, 576};
  EXPECT_EQ(matrix.rank(), 2U);
  EXPECT_EQ(matrix.cols(), 576U);
  EXPECT_EQ(matrix.rows(), 49152U);
  EXPECT_EQ(matrix.element_count().value(), 28311552U);
  const Shape experts = {8, 100, 64};
  EXPECT_EQ(experts.rows(), 800U);
  EXPECT_EQ(experts.cols(), 64U);
  const Shape vector = {7};
  EXPECT_EQ(vector.rows(), 1U);
  EXPECT_EQ(vector.cols(), 7U);
  const Shape scalar;
  EXPECT_EQ(scalar.rank(), 0U);
  EXPECT_EQ(scalar.element_count().value(), 1U);
}

TEST(Shape, ElementCountIsInvalidOnceItExceeds64Bits) {
  const std::uint64_t big = std::uint64_t{1} << 32;
  EXPECT_TRUE((Shape{big, big - 1}).element_count().valid());
  EXPECT_FALSE((Shape{big, big}).element_count().valid());
  EXPECT_FALSE((Shape{big, big, 0}).element_count().valid());  // a zero does not make the overflow good
}

TEST(Shape, ComparesByItsDimensionsAndPrintsThem) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2}), (Shape{2, 1}));
  EXPECT_EQ(to_string(Shape{49152, 576}), "[49152, 576]");
  EXPECT_EQ(to_string(Shape{}), "[]");
}

TEST(Shape, DropsDimensionsBeyondTheFourth) {
  const std::array<std::uint64_t, 5> dims = {1, 2, 3, 4, 5};
  EXPECT_EQ(Shape(std::span<const std::uint64_t>(dims)), (Shape{1, 2, 3, 4}));
}

TEST(AlignedBuffer, IsAlignedZeroedAndKeepsItsSize) {
  for (const std::size_t bytes : {1U, 63U, 64U, 65U, 4096U}) {
    AlignedBuffer buffer(bytes);
    ASSERT_EQ(buffer.size(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % AlignedBuffer::kAlignment, 0U);
    for (std::size_t i = 0; i < bytes; ++i) ASSERT_EQ(buffer.data()[i], std::byte{0});
  }
  EXPECT_EQ(AlignedBuffer().size(), 0U);
  EXPECT_EQ(AlignedBuffer(0).data(), nullptr);
  EXPECT_EQ(AlignedBuffer(SIZE_MAX).size(), 0U);  // refused, not wrapped to something small
}

TEST(AlignedBuffer, IsEmptyOnceMovedFrom) {
  AlignedBuffer a(100);
  const AlignedBuffer b = std::move(a);
  EXPECT_EQ(b.size(), 100U);
  EXPECT_EQ(a.data(), nullptr);  // NOLINT(bugprone-use-after-move): what is tested
  EXPECT_EQ(a.size(), 0U);
}

TEST(QuantizedTensor, WithoutPlanesHasNoBlocks) { EXPECT_TRUE(QuantizedTensor().blocks().empty()); }

}  // namespace
}  // namespace mote
