// How good a model is on a text, and what a smaller one lost against its original.
//
// Comparisons are paired: each position has the reference's distribution and each model's, so differences
// have small errors. Which positions of a text are scored, and after what context, follows one of the two
// protocols that figures in the wild follow:
//
//   llama  llama.cpp's: non-overlapping windows of `context` tokens, tail dropped; where the model adds BOS,
//          the first token of each window is replaced by it; only positions from context / 2 on are scored,
//          so that each has at least half a window of context. At least two windows of text.
//   hf     Hugging Face's and the papers': non-overlapping windows without a BOS of their own (the text has
//          one at its start where the model adds it), all context - 1 predictions scored, tail dropped.
//
// Their figures differ by 5 to 15 %: protocol, context and number of tokens belong beside every perplexity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "mote/cancel.h"
#include "mote/model.h"
#include "mote/result.h"
#include "mote/runtime.h"
#include "mote/session_options.h"

namespace mote::measure {

enum class Protocol : std::uint8_t { llama, hf };
std::string_view to_string(Protocol protocol);
std::span<const Protocol> all_protocols();
std::optional<Protocol> parse_protocol(std::string_view name);
// 512 for llama, 2048 for hf.
std::size_t default_context(Protocol protocol);
inline constexpr std::size_t kMaxWindow = std::size_t{1} << 20;  // tokens

struct MeasureOptions {
  std::function<void(std::size_t done, std::size_t total)> progress;  // windows; called on the calling thread
  const CancelToken* cancel = nullptr;
};

struct TextOptions {
  Protocol protocol = Protocol::llama;
  std::size_t context = 0;         // tokens per window, 4 to kMaxWindow; 0: default_context(protocol)
  std::size_t max_windows = 0;     // 0: all that the text has
  engine::SessionOptions session;  // KV types and batch; its context is that of the window
  MeasureOptions run;
};

struct Perplexity {
  double nll = 0;         // mean negative log-likelihood, nats per token
  double ppl = 0;         // exp(nll)
  double ppl_stderr = 0;  // by the delta method: ppl * stderr(nll), over positions
};

struct PerplexityResult {
  Perplexity perplexity;
  std::size_t tokens = 0;  // scored
  std::size_t windows = 0;
};

// Of a model against the reference. KLD is KL(reference || model) of the next-token distributions, in nats
// per token; agreement and flips are fractions of the scored positions.
struct Divergence {
  double kld_mean = 0;
  double kld_stderr = 0;  // of the mean, over positions
  double kld_median = 0;
  double kld_p99 = 0;
  double kld_max = 0;
  double top1_agreement = 0;  // where both have the same most likely token
  double top1_stderr = 0;
  double flips = 0;  // where exactly one of the two has the right token on top
  Perplexity perplexity;
};

struct PairDifference {
  std::size_t a = 0;
  std::size_t b = 0;
  double kld_difference = 0;  // mean KLD of b less that of a
  double stderr_ = 0;         // bootstrap over windows
};

struct CompareResult {
  Perplexity reference;
  std::vector<Divergence> models;     // in the order given
  std::vector<PairDifference> pairs;  // all a < b
  std::size_t tokens = 0;             // scored
  std::size_t windows = 0;
};

// `text` is UTF-8, tokenized once as the model expects it. Opens a session of one window. Errors:
// TOKENIZER_ABSENT, MEASURE_TEXT_SHORT (with the tokens that are needed), MEASURE_CONTEXT, MEASURE_NONFINITE
// (logits that are no numbers), MODEL_MEMORY, OUT_OF_MEMORY, SESSION_OPTION, CANCELLED, the tokenizer's.
Result<PerplexityResult> perplexity(engine::Runtime& runtime,
                                    const std::shared_ptr<const engine::LoadedModel>& model,
                                    std::string_view text, const TextOptions& options = {});
// Of tokens that the model's tokenizer made.
Result<PerplexityResult> perplexity(engine::Runtime& runtime,
                                    const std::shared_ptr<const engine::LoadedModel>& model,
                                    std::span<const TokenId> tokens, const TextOptions& options = {});

// All models get the reference's tokens of `text`. Reference and models advance together in small steps, so
// memory is one session each and a few rows of logits. Errors: those of perplexity(); COMPARE_TOKENIZER (a
// token of the text is spelled differently in a model), MEASURE_VOCABULARY (vocabularies of different sizes).
Result<CompareResult> compare(engine::Runtime& runtime,
                              const std::shared_ptr<const engine::LoadedModel>& reference,
                              std::span<const std::shared_ptr<const engine::LoadedModel>> models,
                              std::string_view text, const TextOptions& options = {});

}  // namespace mote::measure
