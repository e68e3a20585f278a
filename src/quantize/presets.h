// Which tensor gets which type: llama-quantize's presets ("Q4_K_M") with their per-tensor rules and
// fall-backs.
//
// Why its rules and not better ones: a file made here under a name that people know has the types, and so the
// size and speed, that they expect. Better allocations are recipes of their own. The rules are facts of that
// program (src/llama-quant.cpp of llama.cpp, with and without an importance matrix), kept here as a table in
// our words; tests/golden/presets holds what it really chose for models of several shapes, tensor by tensor.
// MXFP4 and NVFP4 are names of ours: that program writes the one for experts only (MXFP4_MOE) and has no
// preset for the other.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor_source.h"
#include "mote/result.h"
#include "quantize/name_pattern.h"
#include "tensor/codec_id.h"

namespace mote::quantize {

constexpr ErrorCode kQuantTypeUnknown{"QUANT_TYPE_UNKNOWN", ErrorKind::invalid_argument};

enum class Mix : std::uint8_t {
  plain,  // the type for every matrix but the head
  q2_k,
  q2_k_s,
  q3_k_m,
  q3_k_l,
  q4_k_s,
  q4_k_m,
  q5_k_m,
  iq4,
  iq1,
  iq2_xs,
  iq2_s,
  iq3_xxs,
  iq3_xs,
  iq3_s,
  iq3_m,
  ternary,
  mxfp4_moe,
};

struct Preset {
  std::string_view name;
  std::uint32_t file_type;  // general.file_type of GGUF
  CodecId type;             // of most matrices
  Mix mix;
};

std::span<const Preset> all_presets();
// By name, ignoring case; "Q3_K", "Q4_K" and "Q5_K" mean the medium ones. QUANT_TYPE_UNKNOWN with the nearest
// names.
Result<Preset> find_preset(std::string_view name);

// The plain codec of that name, for single tensors. QUANT_TYPE_UNKNOWN.
Result<CodecId> find_type(std::string_view name);

struct TypeRule {
  NamePattern pattern;
  CodecId type;
};

// What the rules ask about the model.
struct ModelFacts {
  std::string architecture;
  std::uint32_t blocks = 0;
  std::uint32_t heads = 1;
  std::uint32_t kv_heads = 1;
  std::uint32_t experts = 0;
  bool importance = false;  // that of the matrices' inputs is known, from statistics
};

struct TypeOptions {
  bool pure = false;
  std::vector<TypeRule> rules;  // the first whose pattern matches decides
  std::optional<CodecId> embedding;
  std::optional<CodecId> output;
};

struct TypeChoice {
  CodecId type = CodecId::f32;
  bool fallback = false;  // the row is no multiple of the wanted type's block
  bool given = false;     // decided by TypeOptions
};

// True for matrices; norms, biases and other vectors stay as they are.
bool is_quantizable(const formats::TensorInfo& tensor);

// The token embedding or the head.
bool is_embedding(std::string_view name);

// A matrix from the feed-forward network back to the residual stream.
bool is_ffn_down(std::string_view name);

// One choice per tensor, in the order given. Whether the head shares the embedding is read from the names.
// Errors: QUANT_PATTERN where a rule's match exceeds its step limit.
Result<std::vector<TypeChoice>> choose_types(const Preset& preset, const ModelFacts& facts,
                                             const TypeOptions& options,
                                             std::span<const formats::TensorInfo> tensors);

}  // namespace mote::quantize
