#include "model/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "testing/environment.h"

namespace mote::model {
namespace {

TEST(OpenModel, ReadsTheBundledModel) {
  const auto model = open_model(testing::source_path("models/babyllama-tok105/model5000.bin"));
  ASSERT_TRUE(model) << format_error(model.error());
  EXPECT_EQ(model->spec.architecture, "llama");
  EXPECT_EQ(model->spec.width, 128U);
  EXPECT_EQ(model->spec.kv_heads, 4U);
  EXPECT_TRUE(model->spec.tied_head);
  EXPECT_EQ(model->spec.rope.pairs, RopePairs::adjacent);
  EXPECT_EQ(*model->metadata().get_uint("llama.feed_forward_length"), 352U);
}

// base-f16.gguf was written by another program from the same weights.
TEST(OpenModel, PresentsAFolderAsTheGgufFileOfTheSameModel) {
  const auto folder = testing::model_path("base/hf");
  const auto file = testing::model_path("base/base-f16.gguf");
  MOTE_NEEDS(folder && file, "the base model is not there: tools/get_models.sh brings it");
  const auto hf = open_model(*folder);
  const auto gguf = open_model(*file);
  ASSERT_TRUE(hf) << format_error(hf.error());
  ASSERT_TRUE(gguf) << format_error(gguf.error());
  ASSERT_EQ(hf->canonical->tensors().size(), gguf->canonical->tensors().size());
  for (std::size_t i = 0; i < gguf->canonical->tensors().size(); ++i) {
    const formats::TensorInfo& expected = gguf->canonical->tensors()[i];
    const auto index = hf->canonical->find(expected.name);
    ASSERT_TRUE(index) << expected.name;
    const formats::TensorInfo& got = hf->canonical->tensors()[*index];
    EXPECT_EQ(got.codec, expected.codec) << expected.name;
    EXPECT_EQ(got.shape, expected.shape) << expected.name;
    const auto a = hf->canonical->read(*index);
    const auto b = gguf->canonical->read(i);
    ASSERT_TRUE(a && b);
    EXPECT_TRUE(std::ranges::equal(a->blocks(), b->blocks())) << expected.name;
  }
  for (const formats::Metadata::Entry& entry : gguf->metadata().entries()) {
    if (!entry.key.starts_with("llama.")) continue;
    const formats::MetaValue* value = hf->metadata().find(entry.key);
    ASSERT_NE(value, nullptr) << entry.key;
    EXPECT_EQ(value->type, entry.value.type) << entry.key;
    if (value->type == formats::ValueType::u32) {
      EXPECT_EQ(*hf->metadata().get_uint(entry.key), *gguf->metadata().get_uint(entry.key)) << entry.key;
    } else {
      EXPECT_EQ(*hf->metadata().get_float(entry.key), *gguf->metadata().get_float(entry.key)) << entry.key;
    }
  }
}

}  // namespace
}  // namespace mote::model
