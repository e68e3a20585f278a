#include "formats/llama2c.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "formats/gguf_test_file.h"
#include "sys/mapped_file.h"
#include "testing/environment.h"

namespace mote::formats {
namespace {

using ::testing::AllOf;
using testing::Bytes;
using ::testing::HasSubstr;
using testing::save;

// A file whose float number i is i, so that a tensor's first value says where it starts. dim 4, hidden 6, 2
// layers, 2 heads of 2, 1 of them for keys and values, 5 tokens, 3 positions.
std::string small_file(std::int32_t vocabulary) {
  Bytes out;
  for (const std::int32_t v : {4, 6, 2, 2, 1, vocabulary, 3}) out.put(v);
  // embedding 20; per layer norm 4, q 16, k 8, v 8, o 16, norm 4, gate 24, down 24, up 24 = 128, twice; norm
  // 4; rotation 3 x 2 = 6; head 20 where it is untied.
  const int floats = 20 + 2 * 128 + 4 + 6 + (vocabulary < 0 ? 20 : 0);
  for (int i = 0; i < floats; ++i) out.put(static_cast<float>(i));
  return out.text();
}

class Llama2cTest : public ::testing::Test {
 protected:
  std::string code(std::string_view content) {
    const auto file = Llama2cFile::open(save(path_, content));
    if (file) return "opened";
    message_ = file.error().message;
    EXPECT_EQ(file.error().file, path_.string());
    return std::string(file.error().code.name);
  }
  // The number that the tensor starts with, i.e. its place; -1 where it is missing or has another shape.
  static float start_of(const Llama2cFile& file, std::string_view name, const Shape& shape) {
    const auto at = file.find(name);
    if (!at || !(file.tensors()[*at].shape == shape)) return -1;
    const auto tensor = file.read(*at);
    if (!tensor || tensor->blocks().size() != 4 * *shape.element_count().value()) return -1;
    float first = 0;
    std::memcpy(&first, tensor->blocks().data(), sizeof first);
    return first;
  }
  std::filesystem::path path_ = mote::testing::fresh_folder() / "model.bin";
  std::string message_;
};

// The places follow from the order of the file by hand: all layers of one kind, then the next kind.
TEST_F(Llama2cTest, NamesEveryTensorAtItsPlace) {
  const auto file = Llama2cFile::open(save(path_, small_file(5)));
  ASSERT_TRUE(file) << format_error(file.error());
  const Llama2cFile& f = **file;
  EXPECT_EQ(f.header().dim, 4U);
  EXPECT_EQ(f.header().head_dim(), 2U);
  EXPECT_EQ(f.header().vocab_size, 5U);
  EXPECT_EQ(f.header().seq_len, 3U);
  EXPECT_TRUE(f.header().tied);
  EXPECT_EQ(f.tensors().size(), 2U + 2 * 9);
  EXPECT_EQ(start_of(f, "token_embd.weight", {5, 4}), 0);
  EXPECT_EQ(start_of(f, "blk.0.attn_norm.weight", {4}), 20);
  EXPECT_EQ(start_of(f, "blk.1.attn_norm.weight", {4}), 24);
  EXPECT_EQ(start_of(f, "blk.0.attn_q.weight", {4, 4}), 28);
  EXPECT_EQ(start_of(f, "blk.1.attn_q.weight", {4, 4}), 44);
  EXPECT_EQ(start_of(f, "blk.0.attn_k.weight", {2, 4}), 60);
  EXPECT_EQ(start_of(f, "blk.1.attn_v.weight", {2, 4}), 84);
  EXPECT_EQ(start_of(f, "blk.0.attn_output.weight", {4, 4}), 92);
  EXPECT_EQ(start_of(f, "blk.0.ffn_norm.weight", {4}), 124);
  EXPECT_EQ(start_of(f, "blk.0.ffn_gate.weight", {6, 4}), 132);
  EXPECT_EQ(start_of(f, "blk.0.ffn_down.weight", {4, 6}), 180);
  EXPECT_EQ(start_of(f, "blk.1.ffn_up.weight", {6, 4}), 252);
  EXPECT_EQ(start_of(f, "output_norm.weight", {4}), 276);
  EXPECT_EQ(f.find("output.weight"), std::nullopt);
}

TEST_F(Llama2cTest, FindsTheHeadOfItsOwnBehindTheRotation) {
  const auto file = Llama2cFile::open(save(path_, small_file(-5)));
  ASSERT_TRUE(file) << format_error(file.error());
  EXPECT_FALSE((*file)->header().tied);
  EXPECT_EQ((*file)->header().vocab_size, 5U);
  EXPECT_EQ(start_of(**file, "output.weight", {5, 4}), 286);  // 280 + 6 of the rotation
}

TEST_F(Llama2cTest, DemandsTheExactSize) {
  const std::string whole = small_file(5);
  EXPECT_EQ(code(whole), "opened");
  EXPECT_EQ(code(whole + std::string(1, 'x')), "LLAMA2C_SIZE");
  EXPECT_EQ(code(whole.substr(0, whole.size() - 1)), "LLAMA2C_SIZE");
  EXPECT_THAT(message_, AllOf(HasSubstr("1,172"), HasSubstr("1,171")));
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    ASSERT_NE(code(whole.substr(0, length)), "opened") << length;
  }
}

TEST_F(Llama2cTest, RefusesHeadersThatCannotBe) {
  const auto with = [](std::size_t field, std::int32_t value) {
    std::string text = small_file(5);
    std::memcpy(text.data() + 4 * field, &value, sizeof value);
    return text;
  };
  for (std::size_t field = 0; field < 7; ++field) {
    EXPECT_EQ(code(with(field, 0)), "LLAMA2C_HEADER") << field;
    if (field != 5) {
      EXPECT_EQ(code(with(field, -1)), "LLAMA2C_HEADER") << field;
    }
  }
  EXPECT_EQ(code(with(5, INT32_MIN)), "LLAMA2C_SIZE");
  EXPECT_EQ(code(with(3, 3)), "LLAMA2C_HEADER");          // heads do not divide dim
  EXPECT_EQ(code(with(3, 4)), "LLAMA2C_HEADER");          // heads of 1: no pair to rotate
  EXPECT_EQ(code(with(4, 3)), "LLAMA2C_HEADER");          // more kv heads than heads
  EXPECT_EQ(code(with(2, INT32_MAX)), "LLAMA2C_HEADER");  // layers
  // Sizes whose product exceeds 64 bits, or is merely not in the file.
  EXPECT_EQ(code(with(1, INT32_MAX)), "LLAMA2C_SIZE");
  Bytes huge;
  for (const std::int32_t v : {0x7FFFFFFC, INT32_MAX, 1024, 2, 2, INT32_MAX, INT32_MAX}) huge.put(v);
  EXPECT_EQ(code(huge.text()), "LLAMA2C_SIZE");
  EXPECT_EQ(code("short"), "LLAMA2C_HEADER");
}

TEST_F(Llama2cTest, RefusesNewerVersionsAndPickle) {
  EXPECT_EQ(code("24ka" + std::string(300, '\0')), "LLAMA2C_VERSION");
  EXPECT_EQ(code("PK\x03\x04" + std::string(300, '\0')), "FORMAT_PICKLE");
}

TEST_F(Llama2cTest, ReadsStories260K) {
  const auto path = mote::testing::shared_path("models/stories260K/stories260K.bin");
  MOTE_NEEDS(path, "shared/models is not here");
  const auto file = Llama2cFile::open(*path);
  ASSERT_TRUE(file) << format_error(file.error());
  const Llama2cHeader& h = (*file)->header();
  // SOURCES.md: dim 64, hidden 172, 5 layers, 8/4 heads, vocab 512, ctx 512, tied; 260,032 parameters.
  EXPECT_EQ(h.dim, 64U);
  EXPECT_EQ(h.hidden_dim, 172U);
  EXPECT_EQ(h.n_layers, 5U);
  EXPECT_EQ(h.n_heads, 8U);
  EXPECT_EQ(h.n_kv_heads, 4U);
  EXPECT_EQ(h.vocab_size, 512U);
  EXPECT_EQ(h.seq_len, 512U);
  EXPECT_TRUE(h.tied);
  std::uint64_t parameters = 0;
  for (const TensorInfo& info : (*file)->tensors()) parameters += *info.shape.element_count().value();
  EXPECT_EQ(parameters, 260032U);
}

}  // namespace
}  // namespace mote::formats
