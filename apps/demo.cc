// mote demo: the whole path on the bundled agent. Quantize to 8, 4, 3 and 2 bit, measure what each lost,
// count the tool calls that are still right, and let one call run a command.
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>

#include "agent/run_tool.h"
#include "agent/tool_test.h"
#include "apps/cli/command.h"
#include "apps/cli/measuring.h"
#include "apps/cli/tool_comparison.h"
#include "apps/cli/tool_settings.h"
#include "base/strings.h"
#include "mote/generate.h"
#include "mote/quantize.h"
#include "report/number.h"
#include "report/table.h"
#include "sys/mapped_file.h"
#include "text/conversation.h"
#include "text/tool_calls/hermes.h"

namespace mote::cli {
namespace {

constexpr ErrorCode kDemoFiles{"DEMO_FILES", ErrorKind::failed};
constexpr ErrorCode kDemoFolder{"DEMO_FOLDER", ErrorKind::failed};
constexpr std::array<std::string_view, 4> kTypes = {"Q8_0", "Q4_K_M", "Q3_K_M", "Q2_K"};
constexpr std::size_t kActing = 2;      // which of the models answers the request: 4 bit
constexpr std::size_t kContext = 1024;  // what the bundled model was trained with
constexpr std::string_view kTest = "demo_test.jsonl";
constexpr std::string_view kTools = "examples/tools/home.json";
constexpr std::string_view kRequest = "turn the kitchen lights to 40 percent";

// Removed at the end unless it is the user's own.
class Folder {
 public:
  static Result<std::unique_ptr<Folder>> make(const std::string& given) {
    auto folder = std::make_unique<Folder>();
    std::error_code error;
    if (!given.empty()) {
      folder->path_ = given;
      std::filesystem::create_directories(folder->path_, error);
      if (error) return failure(given, error.message());
      return folder;
    }
    std::string name = (std::filesystem::temp_directory_path(error) / "mote-demo-XXXXXX").string();
    if (error || mkdtemp(name.data()) == nullptr) return failure(name, "it cannot be made");
    folder->path_ = name;
    folder->temporary_ = true;
    return folder;
  }
  Folder() = default;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    if (temporary_) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  static Error failure(const std::string& path, const std::string& why) {
    return Error{kDemoFolder, "a folder for the demo's files: " + why, "name another one with --output", path,
                 std::nullopt};
  }
  std::filesystem::path path_;
  bool temporary_ = false;
};

class Demo : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "demo"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Show the whole path on the bundled agent, in under a minute and a half";
  }
  std::vector<Option> options() override {
    return concatenate({{{"-o,--output", "DIR", "keep the files here instead of a temporary folder", &output_,
                          false, ValueKind::folder}},
                        runtime_.options()});
  }

  Result<Json> run(Program& program) override {
    const auto start = std::chrono::steady_clock::now();
    MOTE_ASSIGN(const std::filesystem::path path, model_path(program, ""));
    MOTE_ASSIGN(const std::string test, sys::read_text_file((path / kTest).string(), kMaxTextBytes));
    MOTE_ASSIGN(const std::vector<agent::ToolTestItem> items, agent::parse_tool_test(test));
    if (items.empty())
      return Error{kDemoFiles, std::string(kTest) + " has no items", "install mote again", path.string(),
                   std::nullopt};
    MOTE_ASSIGN(const agent::Tools tools, read_tools(program));
    MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, runtime_.threads));
    MOTE_ASSIGN(const std::unique_ptr<Folder> folder, Folder::make(output_));

    std::vector<ToolVariant> variants(1 + kTypes.size());
    variants[0].type = "original";
    variants[0].path = path;
    MOTE_TRY(open(program, *runtime, variants[0]));
    MOTE_TRY(check_template(*variants[0].model));
    program.print("1. The bundled agent: " + describe(*variants[0].model) + "\n\n");

    program.print("2. Quantizing it in " + folder->path().string() + "\n");
    for (std::size_t i = 0; i < kTypes.size(); ++i) {
      ToolVariant& variant = variants[i + 1];
      variant.type = kTypes[i];
      variant.path = folder->path() / ("agent-" + variant.type + ".gguf");
      MOTE_TRY(make_variant(program, *runtime, path, variant));
      MOTE_TRY(open(program, *runtime, variant));
    }

    program.print("\n3. What was lost: " + std::to_string(items.size()) +
                  " requests that it was not trained with, answered by each\n\n");
    MOTE_ASSIGN(const std::vector<std::size_t> tokens,
                compare_on_tool_test(program, *runtime, items, variants, kContext));
    print_table(program, variants, tokens);
    program.print(
        "\n   KLD and top token: against the original, along its own answers. calls right: tool, arguments "
        "and "
        "values\n   exactly as expected. others: no call where no tool fits, a question where something is "
        "missing,\n   results reported.\n");

    program.print("\n4. A request, answered by " + variants[kActing].type + "\n\n");
    MOTE_ASSIGN(Json request, act(program, *runtime, variants[kActing], tools));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    program.print("\nDone in " + report::duration(seconds) +
                  ". With your own model (a GGUF file or a Hugging Face folder):\n" +
                  "  mote quantize my-model/ -o my-model.gguf --type Q4_K_M\n"
                  "  mote compare --reference my-model/ my-model.gguf -f text.txt\n"
                  "  mote run my-model.gguf --tools my-tools.json -p \"...\"\n");
    return to_json(variants, tokens, std::move(request), seconds);
  }

 private:
  static Result<agent::Tools> read_tools(const Program& program) {
    MOTE_ASSIGN(const std::filesystem::path file, bundled_path(program, kTools));
    ToolSettings settings;
    settings.file = file.string();
    return settings.read();
  }

  static std::string describe(const engine::LoadedModel& model) {
    const model::ModelSpec& spec = model.spec();
    return spec.architecture + ", " + std::to_string(spec.blocks) + " blocks of width " +
           std::to_string(spec.width) + ", vocabulary " + with_thousands(spec.vocab) + ", " +
           human_bytes(bytes_on_disk(model));
  }

  Result<void> open(Program& program, engine::Runtime& runtime, ToolVariant& variant) const {
    const SessionSettings settings;
    MOTE_ASSIGN(variant.model, load_model(program, runtime, variant.path, "", settings, true));
    MOTE_ASSIGN(variant.logits, open_for_measuring(program, runtime, variant.model, settings, kContext));
    std::uint64_t parameters = 0;
    std::uint64_t bytes = 0;
    for (const formats::TensorInfo& tensor : variant.model->model().canonical->tensors()) {
      parameters += tensor.shape.element_count().value().value_or(0);
      bytes += tensor.bytes;
    }
    variant.bits_per_weight =
        parameters == 0 ? 0 : 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters);
    return {};
  }

  static Result<void> make_variant(Program& program, engine::Runtime& runtime,
                                   const std::filesystem::path& input, const ToolVariant& variant) {
    quantize::QuantizeOptions options;
    options.input = input;
    options.output = variant.path;
    options.type = variant.type;
    options.cancel = &program.cancel();
    MOTE_ASSIGN(const quantize::QuantizeReport report, quantize::quantize(runtime, options));
    program.print("   " + variant.type + ": " + human_bytes(report.bytes) + " in " +
                  report::duration(report.seconds) + "\n");
    return {};
  }

  static std::string counted(const ToolScore& score) {
    return std::to_string(score.right) + " of " + std::to_string(score.items);
  }

  static void print_table(Program& program, std::span<const ToolVariant> variants,
                          std::span<const std::size_t> tokens) {
    using report::Align;
    report::Table table({{"model"},
                         {"size", Align::right},
                         {"bits/weight", Align::right},
                         {"KLD", Align::right},
                         {"same top token", Align::right},
                         {"calls right", Align::right},
                         {"others right", Align::right}});
    for (std::size_t i = 0; i < variants.size(); ++i) {
      const ToolVariant& v = variants[i];
      const ToolTestLoss loss = i == 0 ? ToolTestLoss{} : loss_of(v, tokens);
      table.add_row({v.type, human_bytes(bytes_on_disk(*v.model)), report::fixed(v.bits_per_weight, 2),
                     i == 0 ? "" : report::with_error(loss.kld, loss.kld_stderr),
                     i == 0 ? "" : report::percent(loss.top1_agreement, 1), counted(v.calls),
                     counted({v.all.right - v.calls.right, v.all.items - v.calls.items})});
    }
    program.print(table);
  }

  // The request of the demo with the demo's tools, whose commands only print.
  static Result<Json> act(Program& program, engine::Runtime& runtime, const ToolVariant& variant,
                          const agent::Tools& tools) {
    engine::SessionOptions session_options;
    session_options.context = kContext;
    MOTE_ASSIGN(const auto session, engine::Session::create(runtime, variant.model, session_options));
    engine::SamplerOptions greedy;
    greedy.temperature = 0;
    MOTE_ASSIGN(engine::Sampler sampler, engine::Sampler::create(greedy, variant.model->vocab()));
    MOTE_ASSIGN(const Tokenizer* tokenizer, variant.model->require_tokenizer());
    agent::ToolLoopFunctions functions;
    functions.generate = [&](const JsonArray& messages) -> Result<agent::WrittenAnswer> {
      MOTE_ASSIGN(
          const std::vector<TokenId> prompt,
          text::prompt_for_answer(*variant.model->chat_template(), *tokenizer, messages, &tools.definitions));
      engine::GenerateOptions options;
      options.shown_tokens = text::call_markers(*tokenizer);
      options.cancel = &program.cancel();
      MOTE_ASSIGN(const engine::GenerateOutput out, engine::generate(*session, sampler, prompt, options));
      agent::WrittenAnswer written;
      written.cancelled = out.finish_reason == engine::FinishReason::cancelled;
      if (written.cancelled) return written;
      // A call that cannot be read is what quantization does to a model, and no reason to end the demo.
      Result<text::ToolAnswer> read = text::parse_hermes_answer(out.text);
      written.answer = read ? std::move(*read) : text::ToolAnswer{out.text, {}};
      return written;
    };
    functions.execute = [&](const text::ToolCall& call) {
      return agent::run_tool(tools, call,
                             {.environment = Program::environment(), .cancel = &program.cancel()});
    };
    JsonArray messages{text::message("user", std::string(kRequest))};
    MOTE_ASSIGN(const agent::ToolLoopOutput done, agent::run_tool_loop(messages, functions));
    if (done.cancelled) return Error{kCancelled, "the demo was stopped before its end", "", "", std::nullopt};
    program.print("   you    " + std::string(kRequest) + "\n");
    for (const agent::ToolStep& step : done.steps) {
      program.print("   call   " + escape_untrusted(call_line(step.call), 400) + "\n   result " +
                    escape_untrusted(step.result.substr(0, step.result.find_last_not_of('\n') + 1), 400) +
                    "\n");
    }
    program.print("   agent  " + escape_untrusted(done.content, 400) + "\n");
    Json out;
    out["text"] = done.content;
    out["steps"] = steps_json(done.steps);
    return out;
  }

  static Json score_json(const ToolScore& score) {
    Json out;
    out["right"] = score.right;
    out["n"] = score.items;
    return out;
  }

  static Json to_json(std::span<const ToolVariant> variants, std::span<const std::size_t> tokens,
                      Json request, double seconds) {
    JsonArray models;
    for (std::size_t i = 0; i < variants.size(); ++i) {
      const ToolVariant& v = variants[i];
      const ToolTestLoss loss = i == 0 ? ToolTestLoss{} : loss_of(v, tokens);
      Json entry;
      entry["type"] = v.type;
      entry["path"] = v.path.string();
      entry["bytes"] = bytes_on_disk(*v.model);
      entry["bpw"] = v.bits_per_weight;
      entry["kld_mean"] = i == 0 ? Json() : Json(loss.kld);
      entry["kld_stderr"] = i == 0 ? Json() : Json(loss.kld_stderr);
      entry["top1_agreement"] = i == 0 ? Json() : Json(loss.top1_agreement);
      entry["calls"] = score_json(v.calls);
      entry["all"] = score_json(v.all);
      for (const auto& [name, score] : v.sets) entry["sets"][name] = score_json(score);
      models.push_back(std::move(entry));
    }
    std::size_t compared = 0;
    for (const std::size_t n : tokens) compared += n;
    Json out;
    out["models"] = std::move(models);
    out["tokens"] = compared;
    out["request"] = std::move(request);
    out["seconds"] = seconds;
    return out;
  }

  std::string output_;
  RuntimeSettings runtime_;
};

}  // namespace

std::unique_ptr<Command> make_demo() { return std::make_unique<Demo>(); }

}  // namespace mote::cli
