// The table of architectures: one entry says what names mean and which features hold. Adding one: an entry in
// arch.cc, names in hf_names.cc where Hugging Face spells them differently, its small random model in
// tests/oracles/tiny_models_configs.py.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/spec.h"
#include "model/tensor_names.h"

namespace mote::model {

// Blocks whose q and k do not turn.
enum class RopeGaps : std::uint8_t {
  never,
  always,  // positions are learned
  every_fourth,
  unwindowed,  // those without a window, in a model that has windows
};

// Which rows of Hugging Face's tensor a role takes: all, or one half (of each expert where it is a stack).
enum class HfRows : std::uint8_t { all, first_half, second_half };

// A tensor's name in a Hugging Face folder, after the block prefix for a role of a block. "{}" stands for the
// number of an expert or head: the tensors of all numbers are stacked.
struct HfName {
  Role role;
  std::string_view name;
  HfRows rows = HfRows::all;
};

struct ArchEntry {
  std::string_view gguf_name = {};      // general.architecture, and prefix of its keys
  std::string_view hf_class = {};       // config.json: architectures[0]
  std::string_view hf_type = {};        // config.json: model_type
  RopePairs pairs = RopePairs::halves;  // in GGUF's row order
  bool permute_qk = false;  // rows of q and k move from halves to adjacent pairs on the way from Hugging Face
  NormKind norm = NormKind::rms;
  bool norm_bias = false;
  NormPlaces norms = {};
  bool norm_offset = false;  // Hugging Face stores w where 1 + w is used, which is what GGUF stores
  QkNorm qk_norm = QkNorm::none;
  bool qkv_bias = false;  // always has them; where false, config.json decides
  bool output_bias = false;
  bool ffn_bias = false;
  Activation activation = Activation::silu;
  bool gated = true;
  bool scaled_embedding = false;  // by sqrt(width), rounded to float
  bool tied_head = false;         // where config.json does not say
  // Windows, where the file gives a width: block i has it unless i + 1 is a multiple of the period; 0: all.
  std::uint32_t window_period = 0;
  std::uint32_t default_window = 0;
  bool local_rope = false;  // blocks with a window have a rope base of their own, without scaling
  RopeGaps rope_gaps = RopeGaps::never;
  // Models of so many blocks scale scores by (width / heads)^-0.5, which GGUF has no word for. 0: none.
  std::uint32_t wide_scale_blocks = 0;
  bool asks_for_window = false;    // config.json's window counts only beside use_sliding_window
  bool multipliers = false;        // of embeddings, scores, contributions and logits, always in the file
  bool experts = false;            // may have a mixture of experts
  bool normalize_experts = false;  // where the file does not say
  bool fused_qkv = false;          // in Hugging Face's folder and in GGUF
  bool fused_gate_up = false;
  bool causal = true;
  bool learned_positions = false;
  std::string_view hf_block_prefix = "model.layers.";
  std::string_view hf_optional_prefix = {};           // that some folders put before all names
  std::span<const HfName> hf_names = {};              // before the common ones
  std::span<const std::string_view> hf_ignored = {};  // beginnings of names that the forward does not use
};

std::span<const ArchEntry> all_archs();
const ArchEntry* find_arch_by_gguf_name(std::string_view name);
const ArchEntry* find_arch_by_hf(std::string_view hf_class, std::string_view hf_type);
std::string known_arch_names();  // "llama, mistral, qwen2, ..."

// What the entry alone says.
ModelSpec spec_of_arch(const ArchEntry& arch);
// Windows and rope of each block, from `window` and the entry's pattern, or from `windowed` (one entry per
// block) where that is not empty.
void fill_block_specs(const ArchEntry& arch, std::uint32_t window, std::span<const bool> windowed,
                      ModelSpec& spec);

}  // namespace mote::model
