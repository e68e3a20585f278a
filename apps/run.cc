// mote run: one answer, or a chat.
#include <cstdio>

#include "agent/tool_loop.h"
#include "apps/cli/command.h"
#include "apps/cli/line_reader.h"
#include "apps/cli/model_options.h"
#include "apps/cli/parse.h"
#include "apps/cli/sampling_options.h"
#include "apps/cli/text_input.h"
#include "apps/cli/tool_settings.h"
#include "base/strings.h"
#include "mote/generate.h"
#include "report/number.h"
#include "text/conversation.h"
#include "text/tool_calls/hermes.h"

namespace mote::cli {
namespace {

// What the rounds of one turn took together, and how and with what the last one ended.
void add(engine::GenerateOutput& sum, engine::GenerateOutput last) {
  last.prompt_tokens += sum.prompt_tokens;
  last.reused_tokens += sum.reused_tokens;
  last.completion_tokens += sum.completion_tokens;
  last.prompt_seconds += sum.prompt_seconds;
  last.generate_seconds += sum.generate_seconds;
  last.drafted_tokens += sum.drafted_tokens;
  last.accepted_tokens += sum.accepted_tokens;
  sum = std::move(last);
}

class Run : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "run"; }
  [[nodiscard]] std::string_view summary() const override { return "Answer one prompt, or chat"; }
  std::vector<Option> options() override {
    return concatenate(
        {model_.options(),
         text_.options(),
         {{"-n,--predict,--n-predict", "N", "tokens to generate; -1 until the end or a full context",
           &predict_},
          {"-c,--ctx-size", "N", "positions; 0 is the model's own, at most 4096", &context_},
          {"--raw", "", "continue the text as it is, without the chat template", &raw_},
          {"-sys,--system", "TEXT", "system message", &system_},
          {"--stop", "TEXT", "end the answer before this text; repeatable", &stop_},
          {"--ignore-eos", "", "go on after the model's end token", &ignore_end_},
          {"--draft,-md,--model-draft", "DRAFT",
           "a smaller model with the same tokenizer that drafts tokens ahead", &draft_, false,
           ValueKind::path},
          {"--draft-max,--draft-n", "N",
           "tokens drafted ahead and checked in one step, where that is faster; at most 15, 0 is none",
           &draft_max_},
          {"--prefix-cache", "DIR",
           "keep keys and values there: the next run of a prompt that begins alike (system message, tools) "
           "reads "
           "them",
           &prefix_folder_, false, ValueKind::folder},
          {"--prefix-cache-size", "N",
           "bytes in that folder at most, also 500M (usual: 1G); what was used longest ago goes",
           &prefix_bytes_}},
         tools_.options(),
         sampling_.options(),
         session_.options(),
         runtime_.options(),
         pace_.options()});
  }
  [[nodiscard]] std::span<const LaterOption> later_options() const override {
    static constexpr LaterOption kLater[] = {
        {"--schema", "constrained output"},       {"--json-schema", "constrained output"},
        {"--regex", "constrained output"},        {"--grammar", "constrained output"},
        {"--grammar-file", "constrained output"}, {"--lora", "adapters"}};
    return kLater;
  }
  [[nodiscard]] std::string_view epilogue() const override {
    return "Without -p or -f it is a chat: /exit or Ctrl-D leaves, Ctrl-C stops an answer.\n"
           "--tools takes OpenAI's function definitions; \"execute\" beside \"function\" is what --execute "
           "runs, without a shell:\n"
           "  [{\"function\": {\"name\": \"set_light\", \"parameters\": {...}},\n"
           "    \"execute\": {\"command\": [\"lights\", \"--room={room}\"], \"timeout_seconds\": 10}}]\n";
  }

  Result<Json> run(Program& program) override {
    if (predict_ < -1 || predict_ == 0)
      return bad_value("--predict", std::to_string(predict_), "-1 or a number from 1 on");
    if (draft_max_ > engine::kMostDraft)
      return bad_value("--draft-max", std::to_string(draft_max_), "0 to 15");
    MOTE_TRY(session_.session_options(0));
    MOTE_ASSIGN(const std::uint64_t prefix_bytes, parse_size("--prefix-cache-size", prefix_bytes_, true));
    MOTE_TRY(session_.parse_activations());
    MOTE_TRY(tools_.check(raw_));
    agent::Tools tools;
    if (tools_.given()) {
      MOTE_ASSIGN(tools, tools_.read());
    }
    std::string prompt;
    if (text_.given()) {
      MOTE_ASSIGN(prompt, text_.read());
    } else if (program.json()) {
      return Error{kUsageMissing, "a chat has no JSON form", "give -p TEXT or -f FILE", "", std::nullopt};
    }
    MOTE_ASSIGN(const std::filesystem::path path, model_path(program, model_.model));
    MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime,
                make_runtime(program, runtime_.threads, pace_));
    MOTE_ASSIGN(const auto model, load_model(program, *runtime, path, model_.tokenizer, session_, true));
    MOTE_ASSIGN(const Tokenizer* tokenizer, model->require_tokenizer());
    MOTE_ASSIGN(engine::SessionOptions options, session_.session_options(static_cast<std::size_t>(context_)));
    if (!prefix_folder_.empty()) {
      // The session itself is the memory.
      MOTE_ASSIGN(options.prefix_cache, engine::PrefixCache::open(0, prefix_folder_, prefix_bytes));
    }
    MOTE_ASSIGN(const auto session, engine::Session::create(*runtime, model, options));
    MOTE_ASSIGN(const engine::SamplerOptions sampler_options,
                sampling_.sampler_options(*tokenizer, model::sampling_defaults(model->model().metadata())));
    MOTE_ASSIGN(engine::Sampler sampler, engine::Sampler::create(sampler_options, model->vocab()));
    if (!raw_ && model->chat_template() == nullptr && !model->chat_template_problem().empty()) {
      program.note("the chat template is not used: " + escape_untrusted(model->chat_template_problem(), 300));
    }
    if (tools_.given()) MOTE_TRY(check_template(*model));
    std::unique_ptr<engine::Session> draft;
    if (!draft_.empty()) {
      MOTE_ASSIGN(draft, open_draft(program, *runtime, *model, session->context()));
    }
    Talk talk{program, *model, *tokenizer, *session, draft.get(), sampler, tools, JsonArray{}};
    if (!system_.empty()) talk.messages.push_back(text::message("system", system_));
    if (!text_.given()) {
      MOTE_TRY(chat(talk));
      return Json(JsonObject{});
    }
    MOTE_ASSIGN(const Turn done, turn(talk, prompt));
    return to_json(done, *model, sampler_options.seed);
  }

 private:
  struct Talk {
    Program& program;
    const engine::LoadedModel& model;
    const Tokenizer& tokenizer;
    engine::Session& session;
    engine::Session* draft;
    engine::Sampler& sampler;
    const agent::Tools& tools;
    JsonArray messages;
    bool line_begins = true;  // nothing stands on the present line of stdout
  };
  struct Turn {
    engine::GenerateOutput answer;
    agent::ToolLoopOutput tools;  // of --tools
  };

  // What drafts ahead for a model.
  Result<std::unique_ptr<engine::Session>> open_draft(Program& program, engine::Runtime& runtime,
                                                      const engine::LoadedModel& model,
                                                      std::size_t context) const {
    MOTE_ASSIGN(const auto loaded, load_model(program, runtime, draft_, model_.tokenizer, session_, true));
    if (loaded->vocab() != model.vocab()) {
      return Error{kUsageValue,
                   "--draft: the draft model has " + std::to_string(loaded->vocab()) + " tokens, the model " +
                       std::to_string(model.vocab()),
                   "take a smaller model with the same tokenizer", draft_, std::nullopt};
    }
    MOTE_ASSIGN(const engine::SessionOptions options, session_.session_options(context));
    return engine::Session::create(runtime, loaded, options);
  }

  static void show(Talk& talk, std::string_view text) {
    if (text.empty()) return;
    talk.program.print(talk.program.stdout_is_terminal() ? without_controls(text) : std::string(text));
    std::fflush(stdout);
    talk.line_begins = text.ends_with('\n');
  }

  Result<std::vector<TokenId>> render(Talk& talk, const JsonArray& messages) const {
    return text::prompt_for_answer(*talk.model.chat_template(), talk.tokenizer, messages,
                                   tools_.given() ? &talk.tools.definitions : nullptr);
  }

  Result<std::vector<TokenId>> prompt_tokens(Talk& talk, const std::string& prompt) const {
    if (raw_ || talk.model.chat_template() == nullptr) {
      return talk.tokenizer.encode(prompt, {.add_special = true, .parse_special = raw_});
    }
    talk.messages.push_back(text::message("user", prompt));
    return render(talk, talk.messages);
  }

  Result<engine::GenerateOutput> generate(Talk& talk, const std::vector<TokenId>& tokens,
                                          const std::function<void(std::string_view)>& on_text) const {
    engine::GenerateOptions options;
    options.max_tokens = predict_ < 0 ? 0 : static_cast<std::size_t>(predict_);
    options.stop_strings = stop_;
    options.ignore_end_tokens = ignore_end_;
    options.draft_max = static_cast<std::size_t>(draft_max_);
    options.draft = talk.draft;
    if (tools_.given()) options.shown_tokens = text::call_markers(talk.tokenizer);
    options.starts_text = !raw_ && talk.model.chat_template() != nullptr;
    options.cancel = &talk.program.cancel();
    options.on_text = [&](std::string_view text) {
      on_text(text);
      return true;
    };
    talk.sampler.reset();
    return engine::generate(talk.session, talk.sampler, tokens, options);
  }

  Result<Turn> turn(Talk& talk, const std::string& prompt) const {
    talk.line_begins = true;
    if (tools_.given()) {
      Result<Turn> done = turn_with_tools(talk, prompt);
      if (!talk.line_begins) show(talk, "\n");
      return done;
    }
    MOTE_ASSIGN(const std::vector<TokenId> tokens, prompt_tokens(talk, prompt));
    Turn done;
    MOTE_ASSIGN(done.answer, generate(talk, tokens, [&](std::string_view text) { show(talk, text); }));
    if (!talk.messages.empty()) talk.messages.push_back(text::message("assistant", done.answer.text));
    show(talk, "\n");
    return done;
  }

  Result<Turn> turn_with_tools(Talk& talk, const std::string& prompt) const {
    talk.messages.push_back(text::message("user", prompt));
    Turn done;
    agent::ToolLoopFunctions functions;
    functions.generate = [&](const JsonArray& messages) -> Result<agent::WrittenAnswer> {
      MOTE_ASSIGN(const std::vector<TokenId> tokens, render(talk, messages));
      text::HermesSplitter splitter;
      agent::WrittenAnswer written;
      const auto show_content = [&](const std::string& content) {
        show(talk, content);
        written.answer.content += content;
      };
      MOTE_ASSIGN(engine::GenerateOutput out,
                  generate(talk, tokens, [&](std::string_view text) { show_content(splitter.push(text)); }));
      show_content(splitter.finish());
      written.cancelled = out.finish_reason == engine::FinishReason::cancelled;
      if (!written.cancelled) {
        MOTE_ASSIGN(written.answer, text::parse_hermes_answer(out.text));
      }
      add(done.answer, std::move(out));
      return written;
    };
    functions.execute = tools_.executor(talk.program, talk.tools);
    functions.on_call = [&](const agent::NumberedCall& call) {
      show(talk, (talk.line_begins ? "" : "\n") + call_line(call) + "\n");
    };
    MOTE_ASSIGN(done.tools, agent::run_tool_loop(talk.messages, functions));
    if (done.tools.rounds_spent) {
      talk.program.warn("the last calls are not carried out: there were " +
                        std::to_string(agent::kMaxToolRounds) + " rounds of them already");
    }
    return done;
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
      const Result<Turn> done = turn(talk, *line);
      if (!done) {
        // A full context ends this turn, not the program: the person may begin anew.
        if (!reader.interactive()) return done.error();
        talk.messages.resize(before);
        talk.program.note(format_error(done.error()));
      }
      if (talk.program.signal() == 2 && reader.interactive())
        talk.program.forget_signal();  // Ctrl-C ended the answer
      if (talk.program.signal() != 0) return {};
    }
  }

  [[nodiscard]] Json to_json(const Turn& done, const engine::LoadedModel& model, std::uint64_t seed) const {
    const engine::GenerateOutput& answer = done.answer;
    const bool calls = !done.tools.calls.empty();
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
    timings["reused_tokens"] = answer.reused_tokens;
    timings["drafted_tokens"] = answer.drafted_tokens;
    timings["accepted_tokens"] = answer.accepted_tokens;
    timings["tokens_per_second"] = rate(answer.completion_tokens, answer.generate_seconds);
    Json out;
    out["text"] = tools_.given() ? done.tools.content : answer.text;
    out["tool_calls"] = calls_json(done.tools.calls);
    if (tools_.execute) out["steps"] = steps_json(done.tools.steps);
    out["finish_reason"] = calls ? "tool_calls" : engine::to_string(answer.finish_reason);
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
  std::string draft_;
  std::string prefix_folder_;
  std::string prefix_bytes_ = "1G";
  std::uint64_t draft_max_ = engine::GenerateOptions{}.draft_max;
  ToolSettings tools_;
  SamplingSettings sampling_;
  SessionSettings session_;
  RuntimeSettings runtime_;
  PaceSettings pace_;
};

}  // namespace

std::unique_ptr<Command> make_run() { return std::make_unique<Run>(); }

}  // namespace mote::cli
