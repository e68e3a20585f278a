#include "model/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "model/arch.h"
#include "model/gguf_keys.h"
#include "model/hf_config.h"

namespace mote::model {
namespace {

using ::testing::HasSubstr;

formats::Metadata llama_metadata() {
  formats::Metadata m;
  m.set_string("general.architecture", "llama");
  m.set_u32("llama.context_length", 2048);
  m.set_u32("llama.embedding_length", 64);
  m.set_u32("llama.block_count", 2);
  m.set_u32("llama.feed_forward_length", 128);
  m.set_u32("llama.attention.head_count", 4);
  m.set_u32("llama.attention.head_count_kv", 2);
  m.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  m.set_u32("llama.vocab_size", 100);
  return m;
}

// A file with an embedding of 77 rows and nothing else.
class EmbeddingOnly final : public formats::TensorSource {
 public:
  [[nodiscard]] std::span<const formats::TensorInfo> tensors() const override { return {&info_, 1}; }
  [[nodiscard]] Result<QuantizedTensor> read(std::size_t) const override { return QuantizedTensor{}; }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const override {
    return name == info_.name ? std::optional<std::size_t>(0) : std::nullopt;
  }

 private:
  formats::TensorInfo info_{
      .name = "token_embd.weight", .codec = CodecId::f32, .shape = Shape{77, 64}, .bytes = 77 * 64 * 4};
};

TEST(SpecFromMetadata, ReadsAGgufLlamaWithDefaults) {
  const auto spec = spec_from_metadata(llama_metadata());
  ASSERT_TRUE(spec) << format_error(spec.error());
  EXPECT_EQ(spec->head_dim, 16U);
  EXPECT_EQ(spec->rope.dims, 16U);
  EXPECT_EQ(spec->rope.base, 10000.0);
  EXPECT_EQ(spec->rope.pairs, RopePairs::adjacent);
  EXPECT_DOUBLE_EQ(spec->attention_scale, 0.25);
}

TEST(SpecFromMetadata, TakesTheVocabularyOfTheEmbeddingWhereTheKeyIsMissing) {
  formats::Metadata m = llama_metadata();
  m.erase("llama.vocab_size");
  const EmbeddingOnly tensors;
  const auto spec = spec_from_metadata(m, &tensors);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->vocab, 77U);
  EXPECT_EQ(spec_from_metadata(m).error().code.name, "MODEL_HPARAM");
}

TEST(SpecFromMetadata, NamesEveryHyperparameterThatIsOutOfRange) {
  struct Case {
    std::string name;
    std::function<void(formats::Metadata&)> change;
  };
  const std::vector<Case> cases{
      {"block_count", [](auto& m) { m.set_u32("llama.block_count", 1U << 31U); }},
      {"block_count", [](auto& m) { m.erase("llama.block_count"); }},
      {"block_count", [](auto& m) { m.set_string("llama.block_count", "2"); }},
      {"head_count", [](auto& m) { m.set_u32("llama.attention.head_count", 0); }},
      {"head_count_kv", [](auto& m) { m.set_u32("llama.attention.head_count_kv", 3); }},
      {"head_count_kv", [](auto& m) { m.set_u32("llama.attention.head_count_kv", 8); }},
      {"context_length", [](auto& m) { m.set_u32("llama.context_length", 0); }},
      {"context_length", [](auto& m) { m.set_u64("llama.context_length", 1ULL << 40U); }},
      {"freq_base",
       [](auto& m) { m.set_f32("llama.rope.freq_base", std::numeric_limits<float>::quiet_NaN()); }},
      {"freq_base", [](auto& m) { m.set_f32("llama.rope.freq_base", -1.0F); }},
      {"dimension_count", [](auto& m) { m.set_u32("llama.rope.dimension_count", 15); }},
      {"dimension_count", [](auto& m) { m.set_u32("llama.rope.dimension_count", 18); }},
      {"epsilon", [](auto& m) { m.set_f32("llama.attention.layer_norm_rms_epsilon", -1.0F); }},
      {"epsilon", [](auto& m) { m.erase("llama.attention.layer_norm_rms_epsilon"); }},
      {"value_length", [](auto& m) { m.set_u32("llama.attention.value_length", 8); }},
      {"scaling.type", [](auto& m) { m.set_string("llama.rope.scaling.type", "ntk"); }},
      {"rope_factors", [](auto& m) { m.set_string("llama.rope.scaling.type", "longrope"); }},
      {"yarn_log_multiplier", [](auto& m) { m.set_f32("llama.rope.scaling.yarn_log_multiplier", 0.1F); }},
      {"expert_used_count", [](auto& m) { m.set_u32("llama.expert_count", 8); }},
      {"expert_group_count", [](auto& m) { m.set_u32("llama.expert_group_count", 4); }},
      {"expert_gating_func", [](auto& m) { m.set_u32("llama.expert_gating_func", 2); }},
      {"attention.causal", [](auto& m) { m.set_bool("llama.attention.causal", false); }},
      {"sliding_window_pattern",
       [](auto& m) { m.set_string("llama.attention.sliding_window_pattern", "LG"); }},
      {"attn_logit_softcapping", [](auto& m) { m.set_f32("llama.attn_logit_softcapping", -1.0F); }},
      {"vocab_size", [](auto& m) { m.set_u32("llama.vocab_size", 0); }},
  };
  for (const Case& c : cases) {
    formats::Metadata m = llama_metadata();
    c.change(m);
    const auto spec = spec_from_metadata(m);
    ASSERT_FALSE(spec) << c.name;
    EXPECT_EQ(spec.error().code.name, "MODEL_HPARAM");
    EXPECT_THAT(spec.error().message, HasSubstr(c.name));
  }
}

TEST(SpecFromMetadata, ListsTheKnownArchitecturesForAnUnknownOne) {
  formats::Metadata m = llama_metadata();
  m.set_string("general.architecture", "mamba\x1b[2J");
  const auto spec = spec_from_metadata(m);
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code.name, "MODEL_ARCH");
  EXPECT_THAT(spec.error().message, HasSubstr("llama, mistral, mixtral, qwen2, qwen3"));
  EXPECT_THAT(spec.error().message, HasSubstr("mamba\\x1B"));
}

// The paper's rule in words: wavelengths below the original context over high_freq_factor stay, those above
// it over low_freq_factor are stretched by the factor, between them the stretch changes monotonically.
TEST(Llama3Divisors, KeepShortWavesAndStretchLongOnes) {
  const RopeSpec rope{.base = 500000.0,
                      .dims = 128,
                      .scaling = RopeScaling::llama3,
                      .factor = 8.0,
                      .low_freq_factor = 1.0,
                      .high_freq_factor = 4.0,
                      .original_context = 8192,
                      .short_divisors = {},
                      .long_divisors = {},
                      .divisors = {}};
  const std::vector<float> divisors = llama3_divisors(rope);
  ASSERT_EQ(divisors.size(), 64U);
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    const double wave = 2 * M_PI * std::pow(500000.0, 2.0 * static_cast<double>(i) / 128);
    if (wave < 8192.0 / 4) {
      EXPECT_EQ(divisors[i], 1.0F) << i;
    } else if (wave > 8192.0) {
      EXPECT_EQ(divisors[i], 8.0F) << i;
    } else {
      EXPECT_GT(divisors[i], 1.0F) << i;
      EXPECT_LT(divisors[i], 8.0F) << i;
      EXPECT_GT(divisors[i], divisors[i - 1]) << i;
    }
  }
}

constexpr const char* kConfigHead =
    R"({"architectures":["LlamaForCausalLM"],"hidden_size":64,"intermediate_size":128,"num_hidden_layers":2,
    "num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":2048,"rms_norm_eps":1e-5,
    "layer_norm_eps":1e-5,
    "vocab_size":100)";

Result<ModelSpec> spec_of(const std::string& more) {
  const auto config = parse_json(kConfigHead + more + "}");
  EXPECT_TRUE(config);
  return spec_from_hf_config(*config);
}

TEST(SpecFromHfConfig, ReadsOldAndNewSpellingsOfRopeAlike) {
  const auto older = spec_of(
      R"(,"torch_dtype":"float16","rope_theta":500000.0,"rope_scaling":{"type":"llama3","factor":8.0,
      "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":512})");
  const auto newer = spec_of(
      R"(,"dtype":"float16","rope_parameters":{"rope_type":"llama3","rope_theta":500000.0,"factor":8.0,
      "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":512})");
  ASSERT_TRUE(older) << format_error(older.error());
  ASSERT_TRUE(newer) << format_error(newer.error());
  EXPECT_EQ(older->rope.base, 500000.0);
  EXPECT_EQ(newer->rope.base, 500000.0);
  EXPECT_EQ(older->rope.divisors, newer->rope.divisors);
  EXPECT_EQ(newer->rope.divisors.size(), 8U);
}

TEST(SpecFromHfConfig, RefusesWhatWouldChangeTheArithmetic) {
  for (const auto& [text, word] : std::vector<std::pair<std::string, std::string>>{
           {R"(,"layer_types":["linear_attention","full_attention"])", "layer_types"},
           {R"(,"num_experts":4)", "num_experts_per_tok"},
           {R"(,"clip_qkv":8.0)", "clip_qkv"},
           {R"(,"no_rope_layers":[0,1])", "no_rope_layers"},
           {R"(,"hidden_act":"gelu")", "hidden_act"},
           {R"(,"rope_scaling":{"rope_type":"dynamic","factor":4.0})", "dynamic"},
           {R"(,"rope_scaling":{"rope_type":"yarn","factor":4.0,"mscale":1.0})", "mscale"},
           {R"(,"rope_scaling":{"rope_type":"longrope","factor":4.0})", "short_factor"},
           {R"(,"head_dim":-1)", "head_dim"},
           {R"(,"rope_theta":"big")", "rope_theta"}}) {
    const auto spec = spec_of(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().code.name, "MODEL_HPARAM");
    EXPECT_THAT(spec.error().message, HasSubstr(word));
  }
}

TEST(MetadataFromSpec, ComesBackAsTheSameSpec) {
  for (const ArchEntry& arch : all_archs()) {
    auto config = parse_json(
        std::string(kConfigHead) +
        R"(,"head_dim":32,"rope_parameters":{"rope_type":"linear","rope_theta":1000.0,"factor":2.0}})");
    ASSERT_TRUE(config);
    (*config)["architectures"] = JsonArray{Json(arch.hf_class)};
    // GGUF says neither that a model's activation is another one nor whether its embedding is its head.
    const bool gelu = arch.activation != Activation::silu;
    const bool tanh = arch.activation == Activation::gelu_tanh;
    (*config)["hidden_act"] = Json(gelu ? (tanh ? "gelu_pytorch_tanh" : "gelu") : "silu");
    (*config)["sliding_window"] = Json(std::uint64_t{16});
    if (arch.experts && arch.hf_type != "llama") {
      (*config)["num_experts"] = Json(std::uint64_t{8});
      (*config)["num_experts_per_tok"] = Json(std::uint64_t{2});
    }
    const auto spec = spec_from_hf_config(*config);
    ASSERT_TRUE(spec) << format_error(spec.error());
    const auto again = spec_from_metadata(metadata_from_spec(*spec));
    ASSERT_TRUE(again) << format_error(again.error());
    EXPECT_EQ(again->architecture, arch.gguf_name);
    EXPECT_EQ(again->head_dim, 32U);
    EXPECT_EQ(again->rope.pairs, spec->rope.pairs);
    EXPECT_EQ(again->rope.scaling, RopeScaling::linear);
    EXPECT_EQ(again->rope.factor, 2.0);
    EXPECT_EQ(again->rope.base, 1000.0);
    EXPECT_EQ(again->experts.count, spec->experts.count);
    EXPECT_EQ(again->experts.used, spec->experts.used);
    if (spec->experts.count > 0) {
      EXPECT_EQ(again->experts.normalize, spec->experts.normalize) << arch.hf_type;
    }
    EXPECT_EQ(again->norms.after, spec->norms.after);
    EXPECT_FLOAT_EQ(static_cast<float>(again->attention_scale), static_cast<float>(spec->attention_scale));
    EXPECT_FLOAT_EQ(static_cast<float>(again->embedding_scale), static_cast<float>(spec->embedding_scale));
    for (std::size_t i = 0; i < spec->block_specs.size(); ++i) {
      EXPECT_EQ(again->block_specs[i].window, spec->block_specs[i].window) << arch.hf_type << i;
      EXPECT_EQ(again->block_specs[i].rope, spec->block_specs[i].rope) << arch.hf_type << i;
    }
    EXPECT_EQ(again->qk_norm, spec->qk_norm);
    EXPECT_EQ(again->vocab, 100U);
    EXPECT_EQ(again->kv_heads, 2U);
  }
}

}  // namespace
}  // namespace mote::model
