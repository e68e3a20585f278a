#include "quantize/presets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/json.h"
#include "codec/codec.h"
#include "testing/environment.h"

namespace mote::quantize {
namespace {

formats::TensorInfo matrix(std::string name, std::uint64_t rows, std::uint64_t cols) {
  return formats::TensorInfo{std::move(name), CodecId::f16, Shape{rows, cols}, rows * cols * 2};
}

Json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  auto json = parse_json(text.str());
  return json ? *json : Json();
}

// What llama-quantize chose (scripts/make_preset_goldens.py), for one model shape.
struct Golden {
  ModelFacts facts;
  std::vector<formats::TensorInfo> tensors;
  JsonObject types;
};

Golden read_golden(const std::filesystem::path& path) {
  const Json json = read_json(path);
  Golden golden;
  golden.facts.architecture = *json.find("architecture")->if_string();
  golden.facts.blocks = static_cast<std::uint32_t>(*json.find("blocks")->as_uint64());
  golden.facts.heads = static_cast<std::uint32_t>(*json.find("heads")->as_uint64());
  golden.facts.kv_heads = static_cast<std::uint32_t>(*json.find("kv_heads")->as_uint64());
  if (const Json* experts = json.find("experts"))
    golden.facts.experts = static_cast<std::uint32_t>(*experts->as_uint64());
  for (const Json& t : *json.find("tensors")->if_array()) {
    const JsonArray& pair = *t.if_array();
    std::vector<std::uint64_t> dims;
    for (const Json& dim : *pair[1].if_array()) dims.push_back(*dim.as_uint64());
    const Shape shape = dims.size() == 3 ? Shape{dims[0], dims[1], dims[2]} : Shape{dims[0], dims[1]};
    golden.tensors.push_back({*pair[0].if_string(), CodecId::f16, shape, *shape.element_count().value() * 2});
  }
  golden.types = *json.find("types")->if_object();
  return golden;
}

std::vector<std::string> unroll(const Json& runs) {
  std::vector<std::string> names;
  for (const Json& run : *runs.if_array()) {
    const JsonArray& pair = *run.if_array();
    names.insert(names.end(), *pair[1].as_uint64(), *pair[0].if_string());
  }
  return names;
}

class EveryShape : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryShape, GetsTheTypesThatLlamaQuantizeChose) {
  const auto path = testing::source_path("tests/golden/presets/" + std::string(GetParam()) + ".json");
  const Golden golden = read_golden(path);
  ASSERT_GT(golden.tensors.size(), 20U);
  constexpr std::size_t kOwn = 2;  // MXFP4 and NVFP4 are no presets of llama-quantize
  // Its answers with an importance matrix are there where they differ from those without.
  ASSERT_GE(golden.types.size(), 2 * (all_presets().size() - kOwn));
  std::map<std::string, const Json*> answers;
  for (const auto& [name, runs] : golden.types) answers[name] = &runs;
  for (const auto& [name, runs] : golden.types) {
    if (name.find(' ') == std::string::npos) answers.try_emplace(name + " importance", &runs);
  }
  for (const auto& [name, runs] : answers) {
    TypeOptions options;
    options.pure = name.ends_with(" pure");
    ModelFacts facts = golden.facts;
    facts.importance = name.ends_with(" importance");
    const auto preset = find_preset(std::string_view(name).substr(0, name.find(' ')));
    ASSERT_TRUE(preset) << name;
    const auto choices = choose_types(*preset, facts, options, golden.tensors);
    ASSERT_TRUE(choices);
    const std::vector<std::string> expected = unroll(*runs);
    if (expected.empty()) continue;  // llama-quantize gave up on a row that the type does not divide
    ASSERT_EQ(expected.size(), golden.tensors.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(codec::codec_of((*choices)[i].type).name, expected[i])
          << name << " " << golden.tensors[i].name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, EveryShape,
                         ::testing::Values("smollm2-135m", "narrow-rows", "wide-gqa4", "wide-gqa1-tied",
                                           "layers80-gqa8", "layers80-gqa1", "layers80-qwen2", "experts2",
                                           "experts4", "experts8", "experts8-gqa1", "experts8-shared",
                                           "experts60-shared"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Presets, AreFoundInAnyCaseAndByTheirShortNames) {
  EXPECT_EQ(find_preset("q4_k_m")->name, "Q4_K_M");
  EXPECT_EQ(find_preset("Q4_K")->name, "Q4_K_M");
  EXPECT_EQ(find_preset("q3_k")->name, "Q3_K_M");
}

TEST(Presets, AnUnknownNameSuggestsTheNearest) {
  const auto preset = find_preset("Q4_K_N");
  ASSERT_FALSE(preset);
  EXPECT_EQ(preset.error().code.name, "QUANT_TYPE_UNKNOWN");
  EXPECT_NE(preset.error().hint.find("Q4_K_M"), std::string::npos) << preset.error().hint;
}

TEST(Presets, TheFirstMatchingRuleDecidesAndFallsBackLikeAPreset) {
  const std::vector<formats::TensorInfo> tensors{matrix("blk.0.ffn_down.weight", 64, 512),
                                                 matrix("blk.1.ffn_down.weight", 64, 512),
                                                 matrix("blk.0.attn_q.weight", 64, 96)};
  TypeOptions options;
  options.rules.push_back({*NamePattern::compile("blk\\.0\\.ffn"), CodecId::q8_0});
  options.rules.push_back({*NamePattern::compile("ffn_down"), CodecId::q2_k});
  options.rules.push_back({*NamePattern::compile("attn_q"), CodecId::q6_k});
  const auto choices = choose_types(*find_preset("Q4_0"), ModelFacts{"llama", 2, 4, 4}, options, tensors);
  ASSERT_TRUE(choices);
  EXPECT_EQ((*choices)[0].type, CodecId::q8_0);
  EXPECT_EQ((*choices)[1].type, CodecId::q2_k);
  EXPECT_EQ((*choices)[2].type, CodecId::q8_0);
  EXPECT_TRUE((*choices)[2].fallback);
  EXPECT_FALSE((*choices)[1].fallback);
}

TEST(Presets, EmbeddingAndHeadTypesCanBeSet) {
  const std::vector<formats::TensorInfo> tensors{matrix("token_embd.weight", 300, 256),
                                                 matrix("output.weight", 300, 256)};
  TypeOptions options;
  options.embedding = CodecId::q3_k;
  options.output = CodecId::q5_1;
  const auto choices = choose_types(*find_preset("Q4_K_M"), ModelFacts{"llama", 1, 4, 4}, options, tensors);
  ASSERT_TRUE(choices);
  EXPECT_EQ((*choices)[0].type, CodecId::q3_k);
  EXPECT_EQ((*choices)[1].type, CodecId::q5_1);
}

// llama-quant.cpp: k and v of eight experts in 8 bits, the output of attention in Q5_K; of several down
// projections each counts as its layer's.
TEST(Presets, ModelsOfEightExpertsKeepTheirAttention) {
  std::vector<formats::TensorInfo> tensors;
  for (int layer = 0; layer < 16; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    for (const char* name : {"attn_k.weight", "attn_v.weight", "attn_output.weight", "attn_q.weight",
                             "ffn_down_exps.weight", "ffn_down_shexp.weight"}) {
      tensors.push_back(matrix(block + name, 256, 256));
    }
  }
  const ModelFacts facts{"llama", 16, 4, 4, 8};
  const auto choices = choose_types(*find_preset("Q4_K_M"), facts, {}, tensors);
  ASSERT_TRUE(choices);
  const auto type = [&](std::size_t layer, std::size_t which) { return (*choices)[layer * 6 + which].type; };
  EXPECT_EQ(type(5, 0), CodecId::q8_0);
  EXPECT_EQ(type(5, 1), CodecId::q8_0);
  EXPECT_EQ(type(5, 2), CodecId::q5_k);
  EXPECT_EQ(type(5, 3), CodecId::q4_k);
  for (const std::size_t which : {4U, 5U}) {
    EXPECT_EQ(type(1, which), CodecId::q6_k);  // the first eighth
    EXPECT_EQ(type(2, which), CodecId::q4_k);
    EXPECT_EQ(type(4, which), CodecId::q6_k);  // every third after it
    EXPECT_EQ(type(15, which), CodecId::q6_k);
  }
}

TEST(NamePatterns, ThatBacktrackWithoutEndAreStopped) {
  const auto pattern = NamePattern::compile("^(a+)+$");
  ASSERT_TRUE(pattern);
  const auto matched = pattern->matches(std::string(64, 'a') + "b");
  ASSERT_FALSE(matched);
  EXPECT_EQ(matched.error().code.name, "QUANT_PATTERN");
}

TEST(NamePatterns, ThatDoNotCompileSayWhere) {
  const auto pattern = NamePattern::compile("blk.(");
  ASSERT_FALSE(pattern);
  EXPECT_EQ(pattern.error().code.name, "QUANT_PATTERN");
  EXPECT_NE(pattern.error().message.find("character 6"), std::string::npos) << pattern.error().message;
}

}  // namespace
}  // namespace mote::quantize
