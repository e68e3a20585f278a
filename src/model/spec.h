// ModelSpec: what a transformer looks like, as plain data. The forward, the converter and the planner read
// it; none of them asks for an architecture's name.
//
// Why data: a new architecture is then an entry of the table in arch.h and a test, not another forward. What
// the spec cannot say (mixtures of experts, sliding windows, soft-caps) does not exist yet and an unknown
// architecture is an error, never a guess.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/metadata.h"
#include "mote/result.h"

namespace mote::model {

constexpr ErrorCode kModelHparam{"MODEL_HPARAM", ErrorKind::corrupt_data};
constexpr ErrorCode kModelArch{"MODEL_ARCH", ErrorKind::failed};
constexpr ErrorCode kModelTensor{"MODEL_TENSOR", ErrorKind::corrupt_data};
constexpr ErrorCode kModelNonfinite{"MODEL_NONFINITE", ErrorKind::corrupt_data};

// Which elements of a head turn together: (2i, 2i+1), as in the papers and in llama's GGUF row order, or
// (i, i + dims/2), as Hugging Face stores them.
enum class RopePairs : std::uint8_t { adjacent, halves };

enum class RopeScaling : std::uint8_t { none, linear, llama3 };

struct RopeSpec {
  RopePairs pairs = RopePairs::adjacent;
  double base = 10000.0;   // theta; pair i turns by position * base^(-2i / dims)
  std::uint32_t dims = 0;  // leading elements of a head that turn; even
  RopeScaling scaling = RopeScaling::none;
  double factor = 1.0;  // linear: frequencies are divided by it
  // llama3: frequencies above high_freq_factor turns per original context stay, those below low_freq_factor
  // are divided by `factor`, between them it is interpolated.
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  std::uint32_t original_context = 0;
  // Divisors of the frequencies, one per pair, where the file brings them (GGUF tensor rope_freqs.weight) or
  // llama3 scaling gives them. Empty: all 1.
  std::vector<float> divisors;
};

enum class Gate : std::uint8_t { silu };  // SwiGLU: silu(gate) * up

struct ModelSpec {
  std::string architecture;  // GGUF's name, "llama"
  std::string name;          // of the model, may be empty
  std::uint32_t vocab = 0;
  std::uint32_t context = 0;  // positions that the model was made for
  std::uint32_t width = 0;    // of the residual stream
  std::uint32_t blocks = 0;
  std::uint32_t hidden = 0;  // of the feed-forward network
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;  // divides heads
  std::uint32_t head_dim = 0;
  double norm_eps = 1e-5;  // RMS norm: x / sqrt(mean(x^2) + eps) * weight
  RopeSpec rope;
  bool qkv_bias = false;
  bool output_bias = false;  // of the attention's output projection
  bool qk_norm = false;      // RMS norm over each head of q and k, before rope
  Gate gate = Gate::silu;
  bool tied_head = false;        // the head is the embedding
  double embedding_scale = 1.0;  // of embeddings as they enter the residual stream
  double residual_scale = 1.0;   // of a block's two contributions to it
  double logit_scale = 1.0;
  double attention_scale = 0.0;  // of q.k; 1/sqrt(head_dim) once validated

  [[nodiscard]] std::uint32_t q_width() const { return heads * head_dim; }
  [[nodiscard]] std::uint32_t kv_width() const { return kv_heads * head_dim; }
};

// Checks every number against the range in which the engine's arithmetic cannot overflow. MODEL_HPARAM with
// name, value and range.
Result<void> validate(ModelSpec& spec);

// From GGUF metadata. What tensors decide is left for open_model: `tied_head`, biases, rope divisors. Files
// without vocab_size have the vocabulary of their embedding, `embedding_rows`.
// Errors: MODEL_ARCH (with the list of known ones), MODEL_HPARAM.
Result<ModelSpec> spec_from_metadata(const formats::Metadata& metadata, std::uint64_t embedding_rows = 0);

// Llama-3 divisors of the rope frequencies, one per pair of `rope.dims`, and what GGUF stores as
// rope_freqs.weight. Source: Hugging Face transformers, modeling_rope_utils, "llama3"; the Llama 3.1 model
// card.
std::vector<float> llama3_divisors(const RopeSpec& rope);

}  // namespace mote::model
