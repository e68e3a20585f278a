// mote demo: the whole path on the bundled model. Quantize to three sizes, measure what each lost, let each
// write.
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>

#include "apps/cli/command.h"
#include "apps/cli/measuring.h"
#include "apps/demo_text.h"
#include "base/strings.h"
#include "mote/generate.h"
#include "mote/quantize.h"
#include "report/number.h"
#include "report/table.h"

namespace mote::cli {
namespace {

constexpr ErrorCode kDemoFolder{"DEMO_FOLDER", ErrorKind::failed};
// The bundled model's rows have 128 and 352 elements, which 32 divides and 256 does not.
constexpr std::array<std::string_view, 3> kTypes = {"Q8_0", "Q5_0", "IQ4_NL"};
constexpr std::size_t kContext = 256;  // what the bundled model was trained with
constexpr std::size_t kSampleTokens = 160;

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

struct Variant {
  std::string type;
  std::filesystem::path path;
  double bpw = 0;
  std::shared_ptr<const engine::LoadedModel> model;
  std::unique_ptr<measure::LogitModel> logits;
  std::string sample;
};

class Demo : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "demo"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Show the whole path on the bundled model, in under a minute";
  }
  std::vector<Option> options() override {
    return concatenate({{{"-o,--output", "DIR", "keep the files here instead of a temporary folder", &output_,
                          false, ValueKind::folder}},
                        runtime_.options()});
  }

  Result<Json> run(Program& program) override {
    const auto start = std::chrono::steady_clock::now();
    MOTE_ASSIGN(const std::filesystem::path path, model_path(program, ""));
    MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, runtime_.threads));
    MOTE_ASSIGN(const std::unique_ptr<Folder> folder, Folder::make(output_));

    std::vector<Variant> variants(1 + kTypes.size());
    variants[0] = {"original", path, 0, nullptr, nullptr, ""};
    MOTE_TRY(open(program, *runtime, variants[0]));
    program.print("1. The bundled model: " + describe(*variants[0].model) + "\n\n");

    program.print("2. Quantizing it to three sizes in " + folder->path().string() + "\n");
    for (std::size_t i = 0; i < kTypes.size(); ++i) {
      Variant& variant = variants[i + 1];
      variant.type = kTypes[i];
      variant.path = folder->path() / ("babyllama-" + variant.type + ".gguf");
      MOTE_TRY(make_variant(program, *runtime, path, variant));
      MOTE_TRY(open(program, *runtime, variant));
    }

    program.print("\n3. What was lost, measured against the original on " + std::to_string(kDemoText.size()) +
                  " characters of stories\n\n");
    MOTE_ASSIGN(const measure::CompareResult compared, compare(program, *runtime, variants));
    print_table(program, variants, compared);

    program.print("\n4. The same beginning, continued by each\n");
    for (Variant& variant : variants) {
      MOTE_TRY(write_sample(program, *runtime, variant));
      program.print("\n[" + variant.type + "] " + escape_untrusted(variant.sample, 400) + "\n");
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    program.print("\nDone in " + report::duration(seconds) +
                  ". With your own model (a GGUF file or a Hugging Face folder):\n" +
                  "  mote quantize my-model/ -o my-model.gguf --type Q4_K_M\n"
                  "  mote compare --reference my-model/ my-model.gguf -f text.txt\n"
                  "  mote run my-model.gguf -p \"Hello\"\n");
    return to_json(variants, compared, seconds);
  }

 private:
  static std::string describe(const engine::LoadedModel& model) {
    const model::ModelSpec& spec = model.spec();
    return spec.architecture + ", " + std::to_string(spec.blocks) + " blocks of width " +
           std::to_string(spec.width) + ", vocabulary " + std::to_string(spec.vocab) + ", " +
           human_bytes(bytes_on_disk(model));
  }

  Result<void> open(Program& program, engine::Runtime& runtime, Variant& variant) const {
    const SessionSettings settings;
    MOTE_ASSIGN(variant.model, load_model(program, runtime, variant.path, "", settings, true));
    MOTE_ASSIGN(variant.logits, open_for_measuring(program, runtime, variant.model, settings, kContext));
    std::uint64_t parameters = 0;
    std::uint64_t bytes = 0;
    for (const formats::TensorInfo& tensor : variant.model->model().canonical->tensors()) {
      parameters += tensor.shape.element_count().value().value_or(0);
      bytes += tensor.bytes;
    }
    variant.bpw = parameters == 0 ? 0 : 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters);
    return {};
  }

  static Result<void> make_variant(Program& program, engine::Runtime& runtime,
                                   const std::filesystem::path& input, const Variant& variant) {
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

  static Result<measure::CompareResult> compare(Program& program, engine::Runtime& runtime,
                                                std::span<Variant> variants) {
    MOTE_ASSIGN(const Tokenizer* tokenizer, variants[0].model->require_tokenizer());
    MOTE_ASSIGN(const measure::WindowPlan plan,
                measure::plan_text(*tokenizer, kDemoText, measure::Protocol::llama, kContext, 0));
    std::vector<measure::LogitModel*> models;
    for (Variant& variant : variants.subspan(1)) models.push_back(variant.logits.get());
    return measure::compare(*variants[0].logits, models, plan, runtime.pool(),
                            measure_options(program, "compare"));
  }

  static void print_table(Program& program, std::span<const Variant> variants,
                          const measure::CompareResult& compared) {
    using report::Align;
    report::Table table({{"model"},
                         {"size", Align::right},
                         {"bits/weight", Align::right},
                         {"KLD", Align::right},
                         {"same top token", Align::right},
                         {"perplexity", Align::right}});
    for (std::size_t i = 0; i < variants.size(); ++i) {
      const measure::Divergence* d = i == 0 ? nullptr : &compared.models[i - 1];
      const measure::Perplexity& p = d == nullptr ? compared.reference : d->perplexity;
      table.add_row({variants[i].type, human_bytes(bytes_on_disk(*variants[i].model)),
                     report::fixed(variants[i].bpw, 2),
                     d == nullptr ? "" : report::with_error(d->kld_mean, d->kld_stderr),
                     d == nullptr ? "" : report::percent(d->top1_agreement, 1), report::fixed(p.ppl, 4)});
    }
    program.print(table);
  }

  static Result<void> write_sample(Program& program, engine::Runtime& runtime, Variant& variant) {
    MOTE_ASSIGN(const Tokenizer* tokenizer, variant.model->require_tokenizer());
    MOTE_ASSIGN(const std::vector<TokenId> prompt, tokenizer->encode(kDemoPrompt, {.add_special = true}));
    engine::SessionOptions session_options;
    session_options.context = kContext;
    MOTE_ASSIGN(const auto session, engine::Session::create(runtime, variant.model, session_options));
    engine::SamplerOptions sampling;
    sampling.temperature = 0;  // differences then come from the weights alone
    MOTE_ASSIGN(engine::Sampler sampler, engine::Sampler::create(sampling, variant.model->vocab()));
    engine::GenerateOptions options;
    options.max_tokens = kSampleTokens;
    options.cancel = &program.cancel();
    MOTE_ASSIGN(const engine::GenerateOutput output, engine::generate(*session, sampler, prompt, options));
    if (output.finish_reason == engine::FinishReason::cancelled) {
      return Error{kCancelled, "the demo was stopped before its end", "", "", std::nullopt};
    }
    // Decoded as one text, since an answer of its own would begin without its space.
    std::vector<TokenId> whole = prompt;
    whole.insert(whole.end(), output.tokens.begin(), output.tokens.end());
    variant.sample = tokenizer->decode(whole, true);
    return {};
  }

  static Json to_json(std::span<const Variant> variants, const measure::CompareResult& compared,
                      double seconds) {
    JsonArray models;
    for (std::size_t i = 0; i < variants.size(); ++i) {
      const measure::Divergence* d = i == 0 ? nullptr : &compared.models[i - 1];
      Json entry;
      entry["type"] = variants[i].type;
      entry["path"] = variants[i].path.string();
      entry["bytes"] = bytes_on_disk(*variants[i].model);
      entry["bpw"] = variants[i].bpw;
      entry["kld_mean"] = d == nullptr ? Json() : Json(d->kld_mean);
      entry["kld_stderr"] = d == nullptr ? Json() : Json(d->kld_stderr);
      entry["top1_agreement"] = d == nullptr ? Json() : Json(d->top1_agreement);
      entry["ppl"] = d == nullptr ? compared.reference.ppl : d->perplexity.ppl;
      entry["sample"] = variants[i].sample;
      models.push_back(std::move(entry));
    }
    Json out;
    out["models"] = std::move(models);
    out["tokens"] = compared.tokens;
    out["seconds"] = seconds;
    return out;
  }

  std::string output_;
  RuntimeSettings runtime_;
};

}  // namespace

std::unique_ptr<Command> make_demo() { return std::make_unique<Demo>(); }

}  // namespace mote::cli
