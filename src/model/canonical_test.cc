#include "model/canonical.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "model/arch.h"
#include "model/hf_names.h"
#include "tensor/float16.h"

namespace mote::model {
namespace {

using ::testing::HasSubstr;

// Tensors in memory whose element i of row r is r + i / 1000.
class FakeSource final : public formats::TensorSource {
 public:
  void add(const std::string& name, const Shape& shape, CodecId codec = CodecId::f32) {
    const std::size_t rows = shape.rank() < 2 ? shape.cols() : shape.rows();
    const std::size_t cols = shape.rank() < 2 ? 1 : shape.cols();
    std::vector<std::byte> bytes(rows * cols * (codec == CodecId::f32 ? 4 : 2));
    for (std::size_t i = 0; i < rows * cols; ++i) {
      const float value = static_cast<float>(i / cols) + static_cast<float>(i % cols) / 1000.0F;
      if (codec == CodecId::f32) {
        std::memcpy(bytes.data() + i * 4, &value, 4);
      } else {
        const Half half = float_to_half(value);
        std::memcpy(bytes.data() + i * 2, &half, 2);
      }
    }
    infos_.push_back({.name = name, .codec = codec, .shape = shape, .bytes = bytes.size()});
    data_.push_back(std::move(bytes));
  }
  void remove(const std::string& name) {
    const std::size_t i = *find(name);
    infos_.erase(infos_.begin() + static_cast<std::ptrdiff_t>(i));
    data_.erase(data_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  [[nodiscard]] std::span<const formats::TensorInfo> tensors() const override { return infos_; }
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t index) const override {
    QuantizedTensor out;
    out.codec = infos_[index].codec;
    out.shape = infos_[index].shape;
    out.planes = {data_[index]};
    return out;
  }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override {
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      if (infos_[i].name == name) return i;
    }
    return std::nullopt;
  }

 private:
  std::vector<formats::TensorInfo> infos_;
  std::vector<std::vector<std::byte>> data_;
};

const ArchEntry& llama() { return *find_arch_by_gguf_name("llama"); }

ModelSpec small_llama() {
  ModelSpec spec;
  spec.architecture = "llama";
  spec.vocab = 10;
  spec.context = 16;
  spec.width = 24;
  spec.blocks = 2;
  spec.hidden = 12;
  spec.heads = 4;
  spec.kv_heads = 2;
  spec.head_dim = 6;
  spec.rope.dims = 6;
  spec.qkv_bias = true;
  return spec;
}

FakeSource hf_tensors(const ModelSpec& spec, CodecId codec = CodecId::f32) {
  FakeSource out;
  for (const TensorNeed& need : needed_tensors(spec))
    out.add(hf_places(llama(), need.role, need.block, need.bias).front().name, need.shape, codec);
  return out;
}

float first_of_row(const QuantizedTensor& tensor, std::size_t row) {
  const std::size_t cols = tensor.shape.rank() < 2 ? 1 : tensor.shape.cols();
  float value = 0;
  std::memcpy(&value, tensor.blocks().data() + row * cols * 4, 4);
  return value;
}

TEST(CanonicalSource, TurnsRowsOfQueriesAndKeysFromHalvesToAdjacentPairs) {
  const ModelSpec spec = small_llama();
  const FakeSource source = hf_tensors(spec);
  const auto canonical = CanonicalSource::from_hf_names(source, spec, llama());
  ASSERT_TRUE(canonical) << format_error(canonical.error());
  // Head of 6 rows: halves (0 1 2)(3 4 5), pairs (0 3)(1 4)(2 5).
  const std::vector<float> expected{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11};
  for (const char* name :
       {"blk.1.attn_q.weight", "blk.1.attn_k.weight", "blk.0.attn_q.bias", "blk.0.attn_k.bias"}) {
    const auto tensor = (*canonical)->read(*(*canonical)->find(name));
    ASSERT_TRUE(tensor);
    for (std::size_t r = 0; r < expected.size(); ++r)
      EXPECT_EQ(first_of_row(*tensor, r), expected[r]) << name;
  }
  const auto v = (*canonical)->read(*(*canonical)->find("blk.1.attn_v.weight"));
  for (std::size_t r = 0; r < 12; ++r) EXPECT_EQ(first_of_row(*v, r), static_cast<float>(r));
}

TEST(CanonicalSource, LeavesRowsWhereTheArchitectureTurnsHalves) {
  const ModelSpec spec = small_llama();
  const FakeSource source = hf_tensors(spec);
  ArchEntry unturned = llama();
  unturned.permute_qk = false;
  const auto canonical = CanonicalSource::from_hf_names(source, spec, unturned);
  ASSERT_TRUE(canonical);
  const auto q = (*canonical)->read(*(*canonical)->find("blk.0.attn_q.weight"));
  for (std::size_t r = 0; r < 24; ++r) EXPECT_EQ(first_of_row(*q, r), static_cast<float>(r));
}

TEST(CanonicalSource, GivesNormsAndBiasesAsF32AndMatricesAsTheyAre) {
  const ModelSpec spec = small_llama();
  const FakeSource source = hf_tensors(spec, CodecId::f16);
  const auto canonical = CanonicalSource::from_hf_names(source, spec, llama());
  ASSERT_TRUE(canonical);
  for (std::size_t i = 0; i < (*canonical)->tensors().size(); ++i) {
    const formats::TensorInfo& info = (*canonical)->tensors()[i];
    EXPECT_EQ(info.codec, info.shape.rank() < 2 ? CodecId::f32 : CodecId::f16) << info.name;
    const auto tensor = (*canonical)->read(i);
    ASSERT_TRUE(tensor);
    EXPECT_EQ(tensor->codec, info.codec);
    EXPECT_EQ(tensor->blocks().size(), info.bytes);
  }
  const auto norm = (*canonical)->read(*(*canonical)->find("output_norm.weight"));
  EXPECT_EQ(first_of_row(*norm, 7), 7.0F);
}

TEST(CanonicalSource, AddsTheDivisorsOfLlama3RopeAsATensor) {
  ModelSpec spec = small_llama();
  spec.rope.divisors = {1, 2, 8};
  const FakeSource source = hf_tensors(spec);
  const auto canonical = CanonicalSource::from_hf_names(source, spec, llama());
  ASSERT_TRUE(canonical);
  const auto freqs = (*canonical)->read(*(*canonical)->find("rope_freqs.weight"));
  ASSERT_TRUE(freqs);
  EXPECT_EQ(first_of_row(*freqs, 2), 8.0F);
}

TEST(CanonicalSource, NamesWhatIsMissingMisshapenOrUnknown) {
  const ModelSpec spec = small_llama();
  const auto error_of = [&](const FakeSource& source) {
    const auto result = CanonicalSource::from_hf_names(source, spec, llama());
    EXPECT_FALSE(result);
    EXPECT_EQ(result.error().code.name, "MODEL_TENSOR");
    return result.error().message;
  };
  FakeSource missing = hf_tensors(spec);
  missing.remove("model.layers.1.mlp.up_proj.weight");
  EXPECT_THAT(error_of(missing), HasSubstr("model.layers.1.mlp.up_proj.weight [12, 24] is missing"));
  FakeSource misshapen = hf_tensors(spec);
  misshapen.remove("model.norm.weight");
  misshapen.add("model.norm.weight", {23});
  EXPECT_THAT(error_of(misshapen), HasSubstr("has shape [23], expected [24]"));
  FakeSource unknown = hf_tensors(spec);
  unknown.add("model.layers.0.mlp.router.weight", {4, 24});
  EXPECT_THAT(error_of(unknown), HasSubstr("router.weight has no place"));
}

ModelSpec small_mixture(const ArchEntry& arch) {
  ModelSpec spec = small_llama();
  spec.architecture = arch.gguf_name;
  spec.qkv_bias = false;
  spec.experts = {.count = 3, .used = 2, .hidden = 4};
  return spec;
}

std::vector<float> first_elements(const CanonicalSource& canonical, std::string_view name) {
  const auto tensor = canonical.read(*canonical.find(name));
  EXPECT_TRUE(tensor);
  std::vector<float> out;
  for (std::size_t r = 0; r < tensor->shape.rows(); ++r) out.push_back(first_of_row(*tensor, r));
  return out;
}

TEST(CanonicalSource, StacksExpertsThatLieApart) {
  const ArchEntry& mixtral = *find_arch_by_hf("MixtralForCausalLM", "");
  const ModelSpec spec = small_mixture(mixtral);
  FakeSource source;
  for (const TensorNeed& need : needed_tensors(spec)) {
    const std::string name = hf_places(mixtral, need.role, need.block).front().name;
    const std::size_t at = name.find("{}");
    if (at == std::string::npos) {
      source.add(name, need.shape);
      continue;
    }
    for (std::uint64_t e = 0; e < 3; ++e) {
      std::string one = name;
      source.add(one.replace(at, 2, std::to_string(e)), Shape(need.shape.dims().subspan(1)));
    }
  }
  const auto canonical = CanonicalSource::from_hf_names(source, spec, mixtral);
  ASSERT_TRUE(canonical) << format_error(canonical.error());
  EXPECT_EQ(first_elements(**canonical, "blk.1.ffn_gate_exps.weight"),
            (std::vector<float>{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3}));
  FakeSource incomplete = source;
  incomplete.remove("model.layers.1.block_sparse_moe.experts.2.w3.weight");
  EXPECT_FALSE(CanonicalSource::from_hf_names(incomplete, spec, mixtral));
}

TEST(CanonicalSource, PartsGateAndUpOfEachExpert) {
  const ArchEntry& granite = *find_arch_by_hf("GraniteMoeForCausalLM", "");
  const ModelSpec spec = small_mixture(granite);
  FakeSource source;
  for (const TensorNeed& need : needed_tensors(spec)) {
    const HfPlace place = hf_places(granite, need.role, need.block).front();
    if (place.rows == HfRows::second_half) continue;  // the same tensor as the first
    source.add(place.name, place.rows == HfRows::all ? need.shape : Shape{3, 8, 24});
  }
  const auto canonical = CanonicalSource::from_hf_names(source, spec, granite);
  ASSERT_TRUE(canonical) << format_error(canonical.error());
  EXPECT_EQ(first_elements(**canonical, "blk.0.ffn_gate_exps.weight"),
            (std::vector<float>{0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19}));
  EXPECT_EQ(first_elements(**canonical, "blk.0.ffn_up_exps.weight"),
            (std::vector<float>{4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23}));
}

TEST(CanonicalSource, AddsOneToNormsThatAreStoredWithoutIt) {
  const ArchEntry& gemma = *find_arch_by_gguf_name("gemma");
  ModelSpec spec = small_llama();
  spec.qkv_bias = false;
  FakeSource source;
  for (const TensorNeed& need : needed_tensors(spec)) {
    source.add(hf_places(gemma, need.role, need.block).front().name, need.shape);
  }
  const auto canonical = CanonicalSource::from_hf_names(source, spec, gemma);
  ASSERT_TRUE(canonical) << format_error(canonical.error());
  const auto norm = (*canonical)->read(*(*canonical)->find("blk.0.ffn_norm.weight"));
  EXPECT_EQ(first_of_row(*norm, 7), 8.0F);
  const auto q = (*canonical)->read(*(*canonical)->find("blk.0.attn_q.weight"));
  EXPECT_EQ(first_of_row(*q, 7), 7.0F);
}

}  // namespace
}  // namespace mote::model
