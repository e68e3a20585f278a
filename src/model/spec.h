// ModelSpec: what a transformer looks like, as plain data. The forward, the converter and the planner read
// it; none of them asks for an architecture's name.
//
// Why data: a new architecture is then an entry of the table in arch.h and a test, not another forward. What
// the spec cannot say is an error with the feature's name, never a guess.
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

enum class RopeScaling : std::uint8_t { none, linear, llama3, yarn, longrope };

struct RopeSpec {
  RopePairs pairs = RopePairs::adjacent;
  double base = 10000.0;   // theta; pair i turns by position * base^(-2i / dims)
  std::uint32_t dims = 0;  // leading elements of a head that turn; even
  RopeScaling scaling = RopeScaling::none;
  double factor = 1.0;  // linear: frequencies are divided by it; yarn: those of long waves
  // llama3: frequencies above high_freq_factor turns per original context stay, those below low_freq_factor
  // are divided by `factor`, between them it is interpolated.
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  std::uint32_t original_context = 0;
  // yarn (Peng et al., "YaRN", 2023): pairs that turn more than beta_fast times in the original context stay,
  // those that turn less than beta_slow times are divided by `factor`, a linear ramp over the pair's number
  // lies between, from whole pair to whole pair.
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  // Cosines and sines are multiplied by it (yarn, longrope).
  double attention_factor = 1.0;
  // longrope (Ding et al., 2024): divisors of the frequencies, one per pair. A session whose context is more
  // than original_context uses the long ones for all positions, any other the short ones, so that a position
  // never turns differently within one session.
  std::vector<float> short_divisors;
  std::vector<float> long_divisors;
  // Divisors of the frequencies, one per pair, where the file brings them (GGUF tensor rope_freqs.weight) or
  // llama3 scaling gives them. Empty: all 1.
  std::vector<float> divisors;
};

// rms: x / sqrt(mean(x^2) + eps) * weight. layer: (x - mean) / sqrt(variance + eps) * weight (+ bias).
enum class NormKind : std::uint8_t { rms, layer };

// Where a block normalizes; each may hold beside the others.
struct NormPlaces {
  bool before = true;      // the input of attention and of the feed-forward network
  bool after = false;      // their output, before it is added
  bool after_sum = false;  // the residual stream, after it was added (BERT)
};

// q and k before rope: each head with one weight for all, the whole projection as one vector, or each head
// with a weight of its own. The kind is the model's.
enum class QkNorm : std::uint8_t { none, head, projection, own_head };

enum class Activation : std::uint8_t { silu, gelu_tanh, gelu_erf };

enum class Pooling : std::uint8_t { none, mean, cls };

enum class RopeUse : std::uint8_t { none, global, local };

// What differs from block to block.
struct BlockSpec {
  std::uint32_t window = 0;  // positions that a query sees, itself included; 0: all before it
  RopeUse rope = RopeUse::global;
};

// A mixture of experts in place of the feed-forward network: softmax over all experts' router logits, the
// `used` most likely are taken (the lower index first among equals).
struct ExpertSpec {
  std::uint32_t count = 0;  // 0: none
  std::uint32_t used = 0;
  std::uint32_t hidden = 0;         // of one expert
  bool normalize = false;           // weights of those taken are divided by their sum
  std::uint32_t shared_hidden = 0;  // of the expert that every token goes through; 0: none
  bool shared_gate = false;         // its output is multiplied by sigmoid of a learned projection
};

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
  NormKind norm = NormKind::rms;
  bool norm_bias = false;
  double norm_eps = 1e-5;
  NormPlaces norms;
  bool parallel_residual = false;  // attention and feed-forward network read the same normalized input
  RopeSpec rope;
  RopeSpec local_rope;                 // of blocks with RopeUse::local
  std::vector<BlockSpec> block_specs;  // one per block; all alike where validate() finds it empty
  bool qkv_bias = false;
  bool output_bias = false;  // of the attention's output projection
  bool ffn_bias = false;
  QkNorm qk_norm = QkNorm::none;
  Activation activation = Activation::silu;
  bool gated = true;  // activation(gate) * up; otherwise activation(up)
  ExpertSpec experts;
  bool tied_head = false;        // the head is the embedding
  double embedding_scale = 1.0;  // of embeddings as they enter the residual stream
  double residual_scale = 1.0;   // of a block's two contributions to it
  double logit_scale = 1.0;
  double attention_scale = 0.0;  // of q.k; 1/sqrt(head_dim) once validated
  double score_cap = 0.0;        // scores become cap * tanh(score / cap); 0: as they are
  double logit_cap = 0.0;        // the same for logits

  // Encoders: every position sees every other, there is no head, embeddings are normalized.
  bool causal = true;
  std::uint32_t token_types = 0;    // rows of the token type embedding, the first is added to all tokens
  bool learned_positions = false;   // a row per position is added to the embeddings
  Pooling pooling = Pooling::none;  // what the file asks for

  // How tensors lie in the file: rows of q, k and v (gate and up) in one tensor.
  bool fused_qkv = false;
  bool fused_gate_up = false;  // of the network, or of each expert

  [[nodiscard]] std::uint32_t q_width() const { return heads * head_dim; }
  [[nodiscard]] std::uint32_t kv_width() const { return kv_heads * head_dim; }
  [[nodiscard]] bool has_head() const { return causal; }
};

// Checks every number against the range in which the engine's arithmetic cannot overflow. MODEL_HPARAM with
// name, value and range.
Result<void> validate(ModelSpec& spec);

// Llama-3 divisors of the rope frequencies, one per pair of `rope.dims`, and what GGUF stores as
// rope_freqs.weight. Source: Hugging Face transformers, modeling_rope_utils, "llama3"; the Llama 3.1 model
// card.
std::vector<float> llama3_divisors(const RopeSpec& rope);

// 1 + ln(factor) / 10, as the YaRN paper gives it; 1 where factor is at most 1.
double yarn_attention_factor(double factor);
// sqrt(1 + ln(factor) / ln(original_context)), as the LongRoPE paper gives it; 1 where factor is at most 1.
double longrope_attention_factor(double factor, std::uint32_t original_context);

}  // namespace mote::model
