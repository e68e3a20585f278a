// mote tokenize: text to token ids.
#include "apps/cli/command.h"
#include "apps/cli/model_options.h"
#include "apps/cli/text_input.h"

namespace mote::cli {
namespace {

class Tokenize : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "tokenize"; }
  [[nodiscard]] std::string_view summary() const override { return "Turn text into token ids"; }
  std::vector<Option> options() override {
    return concatenate(
        {{{"MODEL,-m,--model", "", "a model, or a tokenizer file or folder; bundled model if absent", &model_,
           false, ValueKind::path},
          {"--tokenizer", "FILE", "tokenizer file or folder instead of the model's own", &tokenizer_, false,
           ValueKind::path}},
         text_.options(),
         {{"--parse-special", "", "control tokens spelled in the text become their ids", &parse_special_},
          {"--add-special", "", "add the tokens around the text that the model expects", &add_special_}}});
  }

  Result<Json> run(Program& program) override {
    MOTE_ASSIGN(const std::string text, text_.read());
    MOTE_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer, open_tokenizer(program, model_, tokenizer_));
    for (const std::string& warning : tokenizer->warnings()) program.warn(warning);
    MOTE_ASSIGN(const std::vector<TokenId> tokens,
                tokenizer->encode(text, {.add_special = add_special_, .parse_special = parse_special_}));
    JsonArray ids;
    JsonArray pieces;
    std::string lines;
    for (const TokenId id : tokens) {
      if (program.json()) {
        ids.emplace_back(id);
        pieces.emplace_back(tokenizer->piece(id));
      } else {
        lines += std::to_string(id) + "\t" + escape_untrusted(tokenizer->token_bytes(id)) + "\n";
      }
    }
    program.print(lines);
    Json out;
    out["tokens"] = std::move(ids);
    out["pieces"] = std::move(pieces);
    return out;
  }

 private:
  std::string model_;
  std::string tokenizer_;
  TextSettings text_;
  bool parse_special_ = false;
  bool add_special_ = false;
};

}  // namespace

std::unique_ptr<Command> make_tokenize() { return std::make_unique<Tokenize>(); }

}  // namespace mote::cli
