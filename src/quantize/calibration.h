// What method feedback works on: the original model with exact activations, and windows of calibration text.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "mote/quantize.h"
#include "mote/result.h"
#include "mote/tokenizer.h"

namespace mote::quantize {

struct Calibration {
  std::shared_ptr<const engine::LoadedModel> model;
  std::size_t window = 0;             // tokens that see one another, no more than the model's context
  std::vector<TokenId> tokens;        // whole windows; each begins with BOS where the model has it
  std::vector<std::string> warnings;  // one sentence each: what of the files was left out
};

// Errors: those of loading a model and of text::read_corpus, CALIBRATION_SHORT, QUANT_METHOD (no windows
// asked for).
Result<Calibration> prepare_calibration(engine::Runtime& runtime, const QuantizeOptions& options);

}  // namespace mote::quantize
