#include "apps/cli/text_model.h"

#include "apps/cli/parse.h"

namespace mote::cli {

std::vector<Option> TextModelSettings::options(std::string_view tokens_help, std::vector<Option> own) {
  return concatenate({model.options(),
                      text.options(),
                      {{"--tokens", "IDS", tokens_help, &tokens}},
                      std::move(own),
                      session.options(),
                      runtime.options()});
}

Result<OpenedModel> TextModelSettings::open(Program& program) const {
  if (!tokens.empty() && text.given())
    return Error{kUsageValue, "--tokens and a text are both given", "one at a time", "", std::nullopt};
  OpenedModel opened;
  MOTE_ASSIGN(const std::filesystem::path path, model_path(program, model.model));
  MOTE_ASSIGN(opened.runtime, make_runtime(program, runtime.threads));
  MOTE_ASSIGN(opened.model,
              load_model(program, *opened.runtime, path, model.tokenizer, session, tokens.empty()));
  return opened;
}

Result<std::vector<TokenId>> encode_text(const engine::LoadedModel& model, std::string_view text) {
  MOTE_ASSIGN(const Tokenizer* tokenizer, model.require_tokenizer());
  return tokenizer->encode(text, {.add_special = true, .parse_special = false});
}

}  // namespace mote::cli
