// What embed and logits share: a model, and texts or token ids for it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/model_options.h"
#include "apps/cli/text_input.h"

namespace mote::cli {

struct OpenedModel {
  std::unique_ptr<engine::Runtime> runtime;
  std::shared_ptr<const engine::LoadedModel> model;
};

struct TextModelSettings {
  ModelSettings model;
  TextSettings text;
  std::string tokens;  // --tokens: ids instead of a text
  SessionSettings session;
  RuntimeSettings runtime;

  // `own` options of the command stand after --tokens.
  std::vector<Option> options(std::string_view tokens_help, std::vector<Option> own);
  // USAGE_VALUE where a text and ids are given; errors of loading. With ids no tokenizer is needed.
  [[nodiscard]] Result<OpenedModel> open(Program& program) const;
};

// With the tokens around it that the model expects; control tokens stay text. TOKENIZER_ABSENT.
Result<std::vector<TokenId>> encode_text(const engine::LoadedModel& model, std::string_view text);

}  // namespace mote::cli
