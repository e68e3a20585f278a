// mote run: one answer, or a chat.
#include <cstdio>

#include "apps/cli/chat.h"
#include "apps/cli/command.h"
#include "apps/cli/line_reader.h"
#include "apps/cli/model_options.h"
#include "apps/cli/parse.h"
#include "apps/cli/sampling_options.h"
#include "apps/cli/text_input.h"
#include "base/strings.h"
#include "mote/generate.h"
#include "report/number.h"

namespace mote::cli {
namespace {

class Run : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "run"; }
  [[nodiscard]] std::string_view summary() const override { return "Answer one prompt, or chat"; }
  std::vector<Option> options() override {
    return concatenate({model_.options(),
                        text_.options(),
                        {{"-n,--predict,--n-predict", "N",
                          "tokens to generate; -1 until the end or a full context", &predict_},
                         {"-c,--ctx-size", "N", "positions; 0 is the model's own, at most 4096", &context_},
                         {"--raw", "", "continue the text as it is, without the chat template", &raw_},
                         {"-sys,--system", "TEXT", "system message", &system_},
                         {"--stop", "TEXT", "end the answer before this text; repeatable", &stop_},
                         {"--ignore-eos", "", "go on after the model's end token", &ignore_end_}},
                        sampling_.options(),
                        session_.options(),
                        runtime_.options()});
  }
  [[nodiscard]] std::span<const LaterOption> later_options() const override {
    static constexpr LaterOption kLater[] = {{"--tools", "tool calls"},
                                             {"--schema", "constrained output"},
                                             {"--json-schema", "constrained output"},
                                             {"--regex", "constrained output"},
                                             {"--grammar", "constrained output"},
                                             {"--grammar-file", "constrained output"},
                                             {"--execute", "tool calls", false},
                                             {"--lora", "adapters"},
                                             {"--draft", "speculative decoding"}};
    return kLater;
  }
  [[nodiscard]] std::string_view epilogue() const override {
    return "Without -p or -f it is a chat: /exit or Ctrl-D leaves, Ctrl-C stops an answer.\n";
  }

  Result<Json> run(Program& program) override {
    if (predict_ < -1 || predict_ == 0)
      return bad_value("--predict", std::to_string(predict_), "-1 or a number from 1 on");
    MOTE_TRY(session_.session_options(0));
    MOTE_TRY(session_.parse_activations());
    std::string prompt;
    if (text_.given()) {
      MOTE_ASSIGN(prompt, text_.read());
    } else if (program.json()) {
      return Error{kUsageMissing, "a chat has no JSON form", "give -p TEXT or -f FILE", "", std::nullopt};
    }
    MOTE_ASSIGN(const std::filesystem::path path, model_path(program, model_.model));
    MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, runtime_.threads));
    MOTE_ASSIGN(const auto model, load_model(program, *runtime, path, model_.tokenizer, session_, true));
    MOTE_ASSIGN(const Tokenizer* tokenizer, model->require_tokenizer());
    MOTE_ASSIGN(const engine::SessionOptions options,
                session_.session_options(static_cast<std::size_t>(context_)));
    MOTE_ASSIGN(const auto session, engine::Session::create(*runtime, model, options));
    MOTE_ASSIGN(const engine::SamplerOptions sampler_options, sampling_.sampler_options(*tokenizer));
    MOTE_ASSIGN(engine::Sampler sampler, engine::Sampler::create(sampler_options, model->vocab()));
    if (!raw_ && model->chat_template() == nullptr && !model->chat_template_problem().empty()) {
      program.note("the chat template is not used: " + escape_untrusted(model->chat_template_problem(), 300));
    }
    Talk talk{program, *model, *tokenizer, *session, sampler, JsonArray{}};
    if (!system_.empty()) talk.messages.push_back(message("system", system_));
    if (!text_.given()) {
      MOTE_TRY(chat(talk));
      return Json(JsonObject{});
    }
    MOTE_ASSIGN(const engine::GenerateOutput answer, turn(talk, prompt));
    program.print("\n");
    return to_json(answer, *model, sampler_options.seed);
  }

 private:
  struct Talk {
    Program& program;
    const engine::LoadedModel& model;
    const Tokenizer& tokenizer;
    engine::Session& session;
    engine::Sampler& sampler;
    JsonArray messages;
  };

  Result<std::vector<TokenId>> prompt_tokens(Talk& talk, const std::string& prompt) const {
    if (raw_ || talk.model.chat_template() == nullptr) {
      return talk.tokenizer.encode(prompt, {.add_special = true, .parse_special = raw_});
    }
    talk.messages.push_back(message("user", prompt));
    MOTE_ASSIGN(const text::TextPieces pieces,
                render_chat(*talk.model.chat_template(), talk.tokenizer, Json(talk.messages), nullptr, true));
    // The template writes the tokens that a conversation begins with.
    return talk.tokenizer.encode_pieces(pieces, false);
  }

  Result<engine::GenerateOutput> turn(Talk& talk, const std::string& prompt) const {
    MOTE_ASSIGN(const std::vector<TokenId> tokens, prompt_tokens(talk, prompt));
    engine::GenerateOptions options;
    options.max_tokens = predict_ < 0 ? 0 : static_cast<std::size_t>(predict_);
    options.stop_strings = stop_;
    options.ignore_end_tokens = ignore_end_;
    options.starts_text = !raw_ && talk.model.chat_template() != nullptr;
    options.cancel = &talk.program.cancel();
    const bool terminal = talk.program.stdout_is_terminal();
    options.on_text = [&](std::string_view text) {
      // What a model writes may hold escape sequences; a terminal gets none.
      talk.program.print(terminal ? without_controls(text) : std::string(text));
      std::fflush(stdout);
      return true;
    };
    talk.sampler.reset();
    MOTE_ASSIGN(engine::GenerateOutput answer, engine::generate(talk.session, talk.sampler, tokens, options));
    if (!talk.messages.empty()) talk.messages.push_back(message("assistant", answer.text));
    return answer;
  }

  Result<void> chat(Talk& talk) const {
    LineReader reader;
    if (reader.interactive())
      talk.program.note("chat with " + talk.model.path().string() +
                        "; /exit or Ctrl-D leaves, Ctrl-C stops an answer");
    while (true) {
      const std::optional<std::string> line = reader.read();
      if (!line || *line == "/exit" || *line == "/quit") return {};
      if (line->find_first_not_of(" \t") == std::string::npos) continue;
      const std::size_t before = talk.messages.size();
      const Result<engine::GenerateOutput> answer = turn(talk, *line);
      if (!answer) {
        // A full context ends this turn, not the program: the person may begin anew.
        if (!reader.interactive()) return answer.error();
        talk.messages.resize(before);
        talk.program.note(format_error(answer.error()));
        continue;
      }
      talk.program.print("\n");
      if (talk.program.signal() == 2 && reader.interactive())
        talk.program.forget_signal();  // Ctrl-C ended the answer
      if (talk.program.signal() != 0) return {};
    }
  }

  static Json to_json(const engine::GenerateOutput& answer, const engine::LoadedModel& model,
                      std::uint64_t seed) {
    Json usage;
    usage["prompt_tokens"] = answer.prompt_tokens;
    usage["completion_tokens"] = answer.completion_tokens;
    usage["total_tokens"] = answer.prompt_tokens + answer.completion_tokens;
    const auto rate = [](std::size_t tokens, double seconds) {
      return seconds > 0 ? Json(static_cast<double>(tokens) / seconds) : Json();
    };
    Json timings;
    timings["load_seconds"] = model.load_seconds();
    timings["prompt_seconds"] = answer.prompt_seconds;
    timings["generate_seconds"] = answer.generate_seconds;
    timings["prompt_tokens_per_second"] =
        rate(answer.prompt_tokens - answer.reused_tokens, answer.prompt_seconds);
    timings["tokens_per_second"] = rate(answer.completion_tokens, answer.generate_seconds);
    Json out;
    out["text"] = answer.text;
    out["tool_calls"] = JsonArray{};
    out["finish_reason"] = engine::to_string(answer.finish_reason);
    out["usage"] = std::move(usage);
    out["timings"] = std::move(timings);
    out["seed"] = seed;
    out["activations"] = engine::to_string(model.activations());
    return out;
  }

  ModelSettings model_;
  TextSettings text_;
  std::int64_t predict_ = -1;
  std::uint64_t context_ = 0;
  bool raw_ = false;
  std::string system_;
  std::vector<std::string> stop_;
  bool ignore_end_ = false;
  SamplingSettings sampling_;
  SessionSettings session_;
  RuntimeSettings runtime_;
};

}  // namespace

std::unique_ptr<Command> make_run() { return std::make_unique<Run>(); }

}  // namespace mote::cli
