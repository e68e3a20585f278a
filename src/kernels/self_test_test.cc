#include "kernels/self_test.h"

#include <gtest/gtest.h>

#include "kernels/kernel_testing.h"
#include "kernels/reference/reference.h"

namespace mote::kernels {
namespace {

TEST(SelfTest, PassesForEverySet) {
  for (const NamedTable& named : tables()) EXPECT_TRUE(multiplies_right(named.table)) << named.name;
}

// The last column of the last row, and a kernel that writes nothing.
TEST(SelfTest, NoticesASingleWrongResult) {
  KernelTable table = kReferenceKernels;
  table.matmul_integer = [](const IntegerMatmul& m) noexcept {
    kReferenceKernels.matmul_integer(m);
    m.y[(m.n - 1) * m.y_stride + m.rows - 1] += 1.0F;
  };
  EXPECT_FALSE(multiplies_right(table));
  table.matmul_integer = [](const IntegerMatmul&) noexcept {};
  EXPECT_FALSE(multiplies_right(table));
}

}  // namespace
}  // namespace mote::kernels
