// From a loaded model and a text to what the measurements take: windows of tokens, and a model to feed.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "engine/loaded_model.h"
#include "measure/logit_model.h"
#include "measure/windows.h"
#include "mote/measure.h"
#include "mote/result.h"

namespace mote::measure {

constexpr ErrorCode kTokenizersDiffer{"COMPARE_TOKENIZER", ErrorKind::invalid_argument};

// The text tokenized once as the model expects it, and cut by the protocol. `context` 0 is the protocol's
// own.
Result<WindowPlan> plan_text(const Tokenizer& tokenizer, std::string_view text, Protocol protocol,
                             std::size_t context, std::size_t max_windows);

// The same of tokens that `tokenizer` made.
Result<WindowPlan> plan_tokens(const Tokenizer& tokenizer, std::span<const TokenId> tokens, Protocol protocol,
                               std::size_t context, std::size_t max_windows);

// All models get the reference's tokens, so their ids must mean the same: COMPARE_TOKENIZER where a token of
// the plan is spelled differently in `model`. (How a tokenizer splits a text may differ in trifles that a
// file format cannot express, such as spaces at the end.) A model without a tokenizer passes.
Result<void> check_same_tokens(const Tokenizer& reference, const engine::LoadedModel& model,
                               const WindowPlan& plan);

// A session of exactly one window. `cancel` may be null.
Result<std::unique_ptr<LogitModel>> open_for_measuring(
    engine::Runtime& runtime, const std::shared_ptr<const engine::LoadedModel>& model,
    engine::SessionOptions session, std::size_t context, const CancelToken* cancel);

}  // namespace mote::measure
