// What perplexity, compare and demo share: a model opened for measuring, and progress.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/model_options.h"
#include "measure/compare.h"
#include "measure/text_plan.h"

namespace mote::cli {

// Help of -f.
inline constexpr std::string_view kMeasuredFile =
    "the text, or conversations for the chat template (.json, .jsonl, .ndjson)";

// A session of exactly one window, with the session's options.
Result<std::unique_ptr<measure::LogitModel>> open_for_measuring(
    Program& program, engine::Runtime& runtime, const std::shared_ptr<const engine::LoadedModel>& model,
    const SessionSettings& settings, std::size_t context);

// The tokens of -f FILE, whose `content` was read: records of .json, .jsonl and .ndjson by
// text::tokenize_corpus, else a text. Warns of conversations that are left out.
Result<std::vector<TokenId>> tokens_of_file(Program& program, const Tokenizer& tokenizer,
                                            const std::string& file, std::string_view content);

// Progress and cancellation of a measurement; `label` begins the progress line.
measure::MeasureOptions measure_options(Program& program, std::string label);

}  // namespace mote::cli
