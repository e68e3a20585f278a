#include "model/arch.h"

#include <array>
#include <cmath>

#include "model/hf_names.h"

namespace mote::model {
namespace {

constexpr NormPlaces kBefore{};
constexpr NormPlaces kBoth{.before = true, .after = true};
constexpr NormPlaces kAfter{.before = false, .after = true};
constexpr NormPlaces kAfterSum{.before = false, .after = false, .after_sum = true};
static_assert(kBefore.before);

constexpr std::array kArchs{
    ArchEntry{.gguf_name = "llama",
              .hf_class = "LlamaForCausalLM",
              .hf_type = "llama",
              .pairs = RopePairs::adjacent,
              .permute_qk = true,
              .experts = true,
              .normalize_experts = true},
    ArchEntry{.gguf_name = "llama",
              .hf_class = "MistralForCausalLM",
              .hf_type = "mistral",
              .pairs = RopePairs::adjacent,
              .permute_qk = true},
    ArchEntry{.gguf_name = "llama",
              .hf_class = "MixtralForCausalLM",
              .hf_type = "mixtral",
              .pairs = RopePairs::adjacent,
              .permute_qk = true,
              .experts = true,
              .normalize_experts = true,
              .hf_names = kMixtralNames},
    ArchEntry{.gguf_name = "qwen2",
              .hf_class = "Qwen2ForCausalLM",
              .hf_type = "qwen2",
              .qkv_bias = true,
              .asks_for_window = true},
    ArchEntry{.gguf_name = "qwen3",
              .hf_class = "Qwen3ForCausalLM",
              .hf_type = "qwen3",
              .qk_norm = QkNorm::head,
              .asks_for_window = true},
    ArchEntry{.gguf_name = "qwen2moe",
              .hf_class = "Qwen2MoeForCausalLM",
              .hf_type = "qwen2_moe",
              .qkv_bias = true,
              .asks_for_window = true,
              .experts = true},
    ArchEntry{.gguf_name = "qwen3moe",
              .hf_class = "Qwen3MoeForCausalLM",
              .hf_type = "qwen3_moe",
              .qk_norm = QkNorm::head,
              .asks_for_window = true,
              .experts = true,
              .normalize_experts = true},
    ArchEntry{.gguf_name = "gemma",
              .hf_class = "GemmaForCausalLM",
              .hf_type = "gemma",
              .norm_offset = true,
              .activation = Activation::gelu_tanh,
              .scaled_embedding = true,
              .tied_head = true},
    ArchEntry{.gguf_name = "gemma2",
              .hf_class = "Gemma2ForCausalLM",
              .hf_type = "gemma2",
              .norms = kBoth,
              .norm_offset = true,
              .activation = Activation::gelu_tanh,
              .scaled_embedding = true,
              .tied_head = true,
              .window_period = 2,
              .default_window = 4096,
              .wide_scale_blocks = 46,
              .hf_names = kBothNormNames},
    ArchEntry{.gguf_name = "gemma3",
              .hf_class = "Gemma3ForCausalLM",
              .hf_type = "gemma3_text",
              .norms = kBoth,
              .norm_offset = true,
              .qk_norm = QkNorm::head,
              .activation = Activation::gelu_tanh,
              .scaled_embedding = true,
              .tied_head = true,
              .window_period = 6,
              .local_rope = true,
              .wide_scale_blocks = 62,
              .hf_names = kBothNormNames},
    ArchEntry{.gguf_name = "phi3",
              .hf_class = "Phi3ForCausalLM",
              .hf_type = "phi3",
              .fused_qkv = true,
              .fused_gate_up = true,
              .hf_names = kPhi3Names},
    ArchEntry{.gguf_name = "smollm3",
              .hf_class = "SmolLM3ForCausalLM",
              .hf_type = "smollm3",
              .pairs = RopePairs::adjacent,
              .permute_qk = true,
              .tied_head = true,
              .rope_gaps = RopeGaps::every_fourth,
              .asks_for_window = true},
    ArchEntry{.gguf_name = "granite",
              .hf_class = "GraniteForCausalLM",
              .hf_type = "granite",
              .pairs = RopePairs::adjacent,
              .permute_qk = true,
              .multipliers = true},
    ArchEntry{.gguf_name = "granitemoe",
              .hf_class = "GraniteMoeForCausalLM",
              .hf_type = "granitemoe",
              .pairs = RopePairs::adjacent,
              .permute_qk = true,
              .multipliers = true,
              .experts = true,
              .normalize_experts = true,
              .hf_names = kGraniteMoeNames},
    ArchEntry{.gguf_name = "olmo2",
              .hf_class = "Olmo2ForCausalLM",
              .hf_type = "olmo2",
              .norms = kAfter,
              .qk_norm = QkNorm::projection,
              .hf_names = kAfterNormNames},
    ArchEntry{.gguf_name = "exaone4",
              .hf_class = "Exaone4ForCausalLM",
              .hf_type = "exaone4",
              .norms = kAfter,
              .qk_norm = QkNorm::head,
              .window_period = 4,
              .rope_gaps = RopeGaps::unwindowed,
              .hf_names = kAfterNormNames},
    ArchEntry{.gguf_name = "stablelm",
              .hf_class = "StableLmForCausalLM",
              .hf_type = "stablelm",
              .norm = NormKind::layer,
              .norm_bias = true,
              .hf_names = kStableLmNames},
    ArchEntry{.gguf_name = "bert",
              .hf_class = "BertModel",
              .hf_type = "bert",
              .norm = NormKind::layer,
              .norm_bias = true,
              .norms = kAfterSum,
              .qkv_bias = true,
              .output_bias = true,
              .ffn_bias = true,
              .activation = Activation::gelu_erf,
              .gated = false,
              .rope_gaps = RopeGaps::always,
              .causal = false,
              .learned_positions = true,
              .hf_block_prefix = "encoder.layer.",
              .hf_optional_prefix = "bert.",
              .hf_names = kBertNames,
              .hf_ignored = kBertIgnored},
    ArchEntry{.gguf_name = "nomic-bert",
              .hf_class = "NomicBertModel",
              .hf_type = "nomic_bert",
              .norm = NormKind::layer,
              .norm_bias = true,
              .norms = kAfterSum,
              .fused_qkv = true,
              .causal = false,
              .hf_block_prefix = "encoder.layers.",
              .hf_names = kNomicBertNames,
              .hf_ignored = kBertIgnored},
};

}  // namespace

std::span<const ArchEntry> all_archs() { return kArchs; }

const ArchEntry* find_arch_by_gguf_name(std::string_view name) {
  for (const ArchEntry& arch : kArchs) {
    if (arch.gguf_name == name) return &arch;
  }
  return nullptr;
}

const ArchEntry* find_arch_by_hf(std::string_view hf_class, std::string_view hf_type) {
  for (const ArchEntry& arch : kArchs) {
    if (hf_class.empty() ? arch.hf_type == hf_type : arch.hf_class == hf_class) return &arch;
  }
  return nullptr;
}

std::string known_arch_names() {
  std::string out;
  for (const ArchEntry& arch : kArchs) {
    if (!out.empty()) out += ", ";
    out += arch.gguf_name == "llama" ? arch.hf_type : arch.gguf_name;
  }
  return out;
}

ModelSpec spec_of_arch(const ArchEntry& arch) {
  ModelSpec spec;
  spec.architecture = arch.gguf_name;
  spec.norm = arch.norm;
  spec.norm_bias = arch.norm_bias;
  spec.norms = arch.norms;
  spec.rope.pairs = arch.pairs;
  spec.local_rope.pairs = arch.pairs;
  spec.qkv_bias = arch.qkv_bias;
  spec.output_bias = arch.output_bias;
  spec.ffn_bias = arch.ffn_bias;
  spec.qk_norm = arch.qk_norm;
  spec.activation = arch.activation;
  spec.gated = arch.gated;
  spec.tied_head = arch.tied_head;
  spec.causal = arch.causal;
  spec.learned_positions = arch.learned_positions;
  spec.fused_qkv = arch.fused_qkv;
  spec.fused_gate_up = arch.fused_gate_up;
  spec.experts.normalize = arch.normalize_experts;
  return spec;
}

void fill_block_specs(const ArchEntry& arch, std::uint32_t window, std::span<const bool> windowed,
                      ModelSpec& spec) {
  spec.block_specs.assign(spec.blocks, BlockSpec{});
  for (std::uint32_t i = 0; i < spec.blocks; ++i) {
    BlockSpec& block = spec.block_specs[i];
    const bool has =
        windowed.empty() ? arch.window_period == 0 || (i + 1) % arch.window_period != 0 : windowed[i];
    if (window > 0 && has) block.window = window;
    if (arch.local_rope && block.window > 0) block.rope = RopeUse::local;
    const bool gap = arch.rope_gaps == RopeGaps::always ||
                     (arch.rope_gaps == RopeGaps::every_fourth && (i + 1) % 4 == 0) ||
                     (arch.rope_gaps == RopeGaps::unwindowed && window > 0 && block.window == 0);
    if (gap) block.rope = RopeUse::none;
  }
}

}  // namespace mote::model
