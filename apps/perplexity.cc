// mote perplexity: how well a model predicts a text.
#include "apps/cli/choice.h"
#include "apps/cli/command.h"
#include "apps/cli/measuring.h"
#include "base/strings.h"
#include "report/number.h"

namespace mote::cli {
namespace {

class PerplexityCommand : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "perplexity"; }
  [[nodiscard]] std::string_view summary() const override { return "Measure a model's perplexity on a text"; }
  std::vector<Option> options() override {
    return concatenate(
        {model_.options(),
         {{"-f,--file", "FILE", kMeasuredFile, &file_, true, ValueKind::file},
          {"-c,--ctx-size", "N", "tokens per window: 512 with protocol llama, 2048 with hf", &context_},
          {"--chunks", "N", "at most N windows; 0 is all", &chunks_},
          {"--protocol", "P", "llama: as llama.cpp; hf: as Hugging Face and papers", &protocol_, false,
           ValueKind::choice, names_of(measure::all_protocols())}},
         session_.options(),
         runtime_.options()});
  }

  Result<Json> run(Program& program) override {
    const auto protocol = measure::parse_protocol(protocol_);
    if (!protocol) return bad_value("--protocol", protocol_, one_of(names_of(measure::all_protocols())));
    MOTE_ASSIGN(const std::filesystem::path path, model_path(program, model_.model));
    MOTE_ASSIGN(const std::string text, read_input(file_));
    MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, runtime_.threads));
    MOTE_ASSIGN(const auto model, load_model(program, *runtime, path, model_.tokenizer, session_, true));
    MOTE_ASSIGN(const Tokenizer* tokenizer, model->require_tokenizer());
    MOTE_ASSIGN(const std::vector<TokenId> tokens, tokens_of_file(program, *tokenizer, file_, text));
    measure::TextOptions options;
    options.protocol = *protocol;
    options.context =
        context_ == 0 ? measure::default_context(*protocol) : static_cast<std::size_t>(context_);
    options.max_windows = static_cast<std::size_t>(chunks_);
    MOTE_ASSIGN(options.session, session_.session_options(options.context));
    options.run = measure_options(program, "perplexity");
    MOTE_ASSIGN(const measure::PerplexityResult result,
                measure::perplexity(*runtime, model, tokens, options));
    const measure::Perplexity& p = result.perplexity;
    program.print("perplexity " + report::with_error(p.ppl, p.ppl_stderr) + "\nprotocol " +
                  std::string(measure::to_string(*protocol)) + ", windows of " +
                  std::to_string(options.context) + ", " + with_thousands(result.tokens) +
                  " tokens scored in " + with_thousands(result.windows) + " windows, activations " +
                  std::string(engine::to_string(model->activations())) + "\n");
    Json out;
    out["ppl"] = p.ppl;
    out["ppl_stderr"] = p.ppl_stderr;
    out["nll"] = p.nll;
    out["tokens"] = result.tokens;
    out["chunks"] = result.windows;
    out["ctx"] = options.context;
    out["protocol"] = measure::to_string(*protocol);
    out["activations"] = engine::to_string(model->activations());
    return out;
  }

 private:
  ModelSettings model_;
  std::string file_;
  std::uint64_t context_ = 0;
  std::uint64_t chunks_ = 0;
  std::string protocol_ = "llama";
  SessionSettings session_;
  RuntimeSettings runtime_;
};

}  // namespace

std::unique_ptr<Command> make_perplexity() { return std::make_unique<PerplexityCommand>(); }

}  // namespace mote::cli
