// Tunes the factors of all blocks of a quantized model together, so that its next-token distributions on the
// calibration text come closer to the original model's (tuned_tensor.h, grad/).
//
// Feedback makes the products of one matrix right at a time; here the whole model answers for all of them.
// Windows go through in rounds, one step each, with steps that get smaller to the round's end. Every tenth
// window is held out: a round that did not help on those is undone, and the next one takes half the steps.
// How far factors want to move depends on the format, the model and the text, so no one rate is right.
//
// Memory: the quantized model, five floats a factor, of one block the matrices as floats and what its
// derivative needs (grad/block_gradient.h), the head as floats, hidden states of all tokens in the original
// model. Source of the idea: Chen et al., "EfficientQAT", 2024 (its second phase); the loss is that of
// distillation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "model/spec.h"
#include "mote/cancel.h"
#include "mote/result.h"
#include "mote/tokenizer.h"
#include "tensor/codec_id.h"

namespace mote::quantize {

// Where learning stands between two rounds.
struct TuningState {
  std::size_t rounds = 0;  // that are over
  double rate = 0;         // of the next one
  double before = 0;       // as TuningResult has them
  double after = 0;
  std::vector<float> factors;  // changes of the best round's factors, tensor by tensor
};

struct TuningOptions {
  std::size_t window = 512;  // tokens that see one another
  std::size_t rounds = 4;    // over all windows
  double rate = 6e-4;        // relative change of a factor of 16 levels in one step of the first round
  const CancelToken* cancel = nullptr;
  std::function<void(std::size_t step, std::size_t steps)> begin;  // may be empty
  std::function<Result<void>(const TuningState&)> keep;            // after every round; may be empty
  std::optional<TuningState> from;  // kept by an earlier run with the same model, tokens and tensors
};

// A tensor of the model's canonical source in its new type; empty where it stays as it is.
struct NewTensor {
  CodecId type = CodecId::f32;
  std::vector<std::byte> blocks;
  bool learns = true;  // false: its factors stay, as of weights that lie on a lattice
};

struct TuningSize {
  std::size_t windows = 0;
  std::size_t window = 0;  // tokens
  unsigned threads = 1;
  std::uint64_t encoded_bytes = 0;   // of all tensors in new types
  std::uint64_t factors = 0;         // that are tuned
  std::uint64_t block_elements = 0;  // of the matrices of the largest block
};
// What tune_factors() takes besides the mapped model; nothing where it is beyond counting.
std::optional<std::uint64_t> tuning_bytes(const model::ModelSpec& spec, const TuningSize& size);

// Mean divergence in nats over the held-out windows.
struct TuningResult {
  double before = 0;
  double after = 0;
};

// `model`: the original, loaded with exact activations, of a kind that has_block_gradient(). tensors: one per
// tensor of its canonical source; those with factors get new ones. tokens: whole windows, at least two.
// Errors: CALIBRATION_SHORT, OUT_OF_MEMORY, CANCELLED, those of the source.
Result<TuningResult> tune_factors(engine::Runtime& runtime, const engine::LoadedModel& model,
                                  std::span<const TokenId> tokens, const TuningOptions& options,
                                  std::vector<NewTensor>& tensors);

}  // namespace mote::quantize
