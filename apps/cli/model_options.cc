#include "apps/cli/model_options.h"

#include <algorithm>
#include <cstdio>

#include "apps/cli/choice.h"
#include "base/strings.h"
#include "formats/checkpoint.h"
#include "kernels/select.h"
#include "sys/mapped_file.h"
#include "sys/thread_pool.h"

namespace mote::cli {
namespace {

constexpr ErrorCode kBundledModel{"BUNDLED_MODEL", ErrorKind::failed};
constexpr ErrorCode kInputStdin{"INPUT_STDIN", ErrorKind::failed};
constexpr std::string_view kBundledPath = "models/agent";
constexpr std::array kActivations{Choice<engine::Activations>{"auto", engine::Activations::automatic},
                                  Choice<engine::Activations>{"f32", engine::Activations::f32}};

Result<std::optional<engine::KvType>> parse_kv(std::string_view option, const std::string& name) {
  if (name.empty()) return std::optional<engine::KvType>();
  const auto type = engine::find_kv_type(name);
  if (!type) return bad_value(option, name, one_of(names_of(engine::all_kv_types())));
  return type;
}

}  // namespace

std::vector<Option> RuntimeSettings::options() {
  return {{"-t,--threads", "N", "threads; 0 is one per physical core (also MOTE_THREADS)", &threads}};
}

std::vector<Option> PaceSettings::options() {
  return {{"-tb,--threads-batch", "N", "threads for prompts; 0 is as many as -t", &prompt_threads},
          {"--power", "P",
           "save: half the cores generate, waiting threads sleep at once; balanced: they sleep after a "
           "moment; max: they stay awake",
           &power, false, ValueKind::choice, names_of(engine::all_powers())}};
}

std::vector<Option> ModelSettings::options() {
  return {{"MODEL,-m,--model", "",
           "GGUF file, Hugging Face folder, .safetensors or llama2.c file; bundled one if absent", &model,
           false, ValueKind::path},
          {"--tokenizer", "FILE", "tokenizer file or folder instead of the model's own", &tokenizer, false,
           ValueKind::path}};
}

std::vector<Option> SessionSettings::options() {
  const std::vector<std::string> kv_types = names_of(engine::all_kv_types());
  return {
      {"--activations", "A", "auto: int8 against quantized weights; f32: exact products", &activations, false,
       ValueKind::choice, names_of(kActivations)},
      {"-ctk,--cache-type-k", "T", "keys: f16, f32, q8_0, q4_0", &key_type, false, ValueKind::choice,
       kv_types},
      {"-ctv,--cache-type-v", "T", "values: f16, f32, q8_0, q4_0", &value_type, false, ValueKind::choice,
       kv_types},
      {"-b,--batch-size", "N", "prompt tokens that go through the model together", &batch},
      {"--mlock", "", "keep the weights in memory, so that the system never pages them out", &lock_memory},
      {"--cache", "", "keep packed weights in MODEL.mote-cache: the next start maps them", &cache}};
}

Result<engine::Activations> SessionSettings::parse_activations() const {
  return choose("--activations", activations, kActivations);
}

Result<engine::SessionOptions> SessionSettings::session_options(std::size_t context) const {
  engine::SessionOptions options;
  options.context = context;
  MOTE_ASSIGN(options.kv_key_type, parse_kv("--cache-type-k", key_type));
  MOTE_ASSIGN(options.kv_value_type, parse_kv("--cache-type-v", value_type));
  if (batch < 1 || batch > engine::kMaxBatch) {
    return bad_value("--batch-size", std::to_string(batch), "1 to " + with_thousands(engine::kMaxBatch));
  }
  options.batch = static_cast<std::size_t>(batch);
  return options;
}

Result<std::unique_ptr<engine::Runtime>> make_runtime(Program& program, std::uint64_t threads,
                                                      const PaceSettings& pace) {
  engine::RuntimeOptions options;
  if (threads == 0 && !program.threads().empty()) {
    const auto value = parse_uint64(program.threads());
    if (!value) return bad_value("MOTE_THREADS", program.threads(), "a whole number from 0 on");
    threads = *value;
  }
  if (threads > sys::kMaxThreads) return bad_value("--threads", std::to_string(threads), "0 to 1,024");
  if (pace.prompt_threads > sys::kMaxThreads) {
    return bad_value("--threads-batch", std::to_string(pace.prompt_threads), "0 to 1,024");
  }
  const auto powers = engine::all_powers();
  const auto power =
      std::ranges::find(powers, pace.power, [](engine::Power p) { return engine::to_string(p); });
  if (power == powers.end()) return bad_value("--power", pace.power, one_of(names_of(powers)));
  options.power = *power;
  options.threads = static_cast<unsigned>(threads);
  options.prompt_threads = static_cast<unsigned>(pace.prompt_threads);
  if (!program.isa().empty()) {
    MOTE_ASSIGN(options.isa, kernels::parse_isa(program.isa()));
  }
  options.log = [&program](std::string_view line) { program.note(line); };
  return engine::Runtime::create(std::move(options));
}

Result<std::filesystem::path> bundled_path(const Program& program, std::string_view name) {
  for (const auto& folder : program.data_folders()) {
    std::error_code ignored;
    if (std::filesystem::exists(folder / name, ignored)) return folder / name;
  }
  return Error{kBundledModel, std::string(name) + ", which comes with mote, was not found",
               "set MOTE_HOME to the folder that holds models/ and examples/", "", std::nullopt};
}

Result<std::filesystem::path> model_path(const Program& program, const std::string& given) {
  if (!given.empty()) return std::filesystem::path(given);
  Result<std::filesystem::path> found = bundled_path(program, kBundledPath);
  if (!found) {
    found.error().message =
        "no MODEL was given, and the bundled one (" + std::string(kBundledPath) + ") was not found";
    found.error().hint = "give a model, or set MOTE_HOME to the folder that holds models/";
  }
  return found;
}

Result<std::shared_ptr<const engine::LoadedModel>> load_model(Program& program, engine::Runtime& runtime,
                                                              const std::filesystem::path& path,
                                                              const std::string& tokenizer,
                                                              const SessionSettings& session,
                                                              bool need_tokenizer) {
  engine::LoadOptions options;
  MOTE_ASSIGN(options.activations, session.parse_activations());
  options.tokenizer = tokenizer;
  options.need_tokenizer = need_tokenizer;
  options.lock_memory = session.lock_memory;
  options.packed_cache = session.cache;
  program.progress("loading " + path.string());
  auto model = engine::LoadedModel::load(runtime, path, options);
  program.end_progress();
  if (model && (*model)->tokenizer() != nullptr) {
    for (const std::string& warning : (*model)->tokenizer()->warnings()) program.warn(warning);
  }
  return model;
}

Result<std::string> read_input(const std::string& path) {
  if (path != "-") return sys::read_text_file(path, kMaxTextBytes);
  std::string text;
  char buffer[65536];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, stdin)) {
    if (got > kMaxTextBytes - text.size()) {
      return Error{kInputStdin, "standard input holds more than " + human_bytes(kMaxTextBytes), "", "",
                   std::nullopt};
    }
    text.append(buffer, got);
  }
  if (std::ferror(stdin) != 0)
    return Error{kInputStdin, "standard input could not be read", "", "", std::nullopt};
  return text;
}

std::uint64_t bytes_on_disk(const engine::LoadedModel& model) { return model.model().checkpoint->file_bytes; }

std::vector<Option> concatenate(std::vector<std::vector<Option>> parts) {
  std::vector<Option> all;
  for (auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace mote::cli
