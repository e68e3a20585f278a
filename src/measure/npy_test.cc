#include "measure/npy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "sys/mapped_file.h"
#include "testing/environment.h"

namespace mote::measure {
namespace {

TEST(NpyWriter, WritesTheDocumentedHeaderAndTheValues) {
  const auto path = testing::fresh_folder() / "a.npy";
  auto writer = NpyWriter::create(path, 2, 3);
  ASSERT_TRUE(writer);
  const std::vector<float> rows = {1, 2, 3, 4, 5, 6.5F};
  ASSERT_TRUE(writer->write(std::span(rows).first(3)));
  EXPECT_FALSE(std::filesystem::exists(path)) << "a half-written array must not be found under its name";
  ASSERT_TRUE(writer->write(std::span(rows).last(3)));
  ASSERT_TRUE(writer->close());
  const auto content = sys::read_text_file(path, 1000);
  ASSERT_TRUE(content);
  ASSERT_EQ(content->size(), 128U + 24U);
  EXPECT_EQ(content->substr(0, 6), "\x93NUMPY");
  EXPECT_EQ(content->substr(6, 2), std::string("\1\0", 2));
  EXPECT_EQ(static_cast<unsigned char>((*content)[8]) + 256 * static_cast<unsigned char>((*content)[9]), 118);
  EXPECT_EQ(content->substr(10, 60), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } ");
  EXPECT_EQ((*content)[127], '\n');
  std::vector<float> back(6);
  std::memcpy(back.data(), content->data() + 128, 24);
  EXPECT_EQ(back, rows);
}

TEST(NpyWriter, RefusesTooManyAndTooFewRows) {
  const auto path = testing::fresh_folder() / "a.npy";
  auto writer = NpyWriter::create(path, 1, 2);
  ASSERT_TRUE(writer);
  const std::vector<float> rows = {1, 2, 3};
  EXPECT_FALSE(writer->write(rows));
  EXPECT_FALSE(writer->close());
}

}  // namespace
}  // namespace mote::measure
