// Options that commands share, and what becomes of them: a path, a Runtime, a loaded model, a session, a
// text.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/option.h"
#include "apps/cli/program.h"
#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "engine/session.h"
#include "mote/result.h"

namespace mote::cli {

struct RuntimeSettings {
  std::uint64_t threads = 0;  // 0: MOTE_THREADS, else one per physical core
  std::vector<Option> options();
};
// How the processor's cores are used by commands that generate.
struct PaceSettings {
  std::uint64_t prompt_threads = 0;
  std::string power = std::string(engine::to_string(engine::Power::balanced));
  std::vector<Option> options();
};
// Errors: USAGE_VALUE, KERNEL_ISA.
Result<std::unique_ptr<engine::Runtime>> make_runtime(Program& program, std::uint64_t threads,
                                                      const PaceSettings& pace = {});

struct ModelSettings {
  std::string model;      // empty: the bundled one
  std::string tokenizer;  // empty: the model's own
  std::vector<Option> options();
};
// A file or folder that comes with mote, by its path in the tree. Errors: BUNDLED_MODEL.
Result<std::filesystem::path> bundled_path(const Program& program, std::string_view name);
// The path given, or the bundled model's. Errors: BUNDLED_MODEL.
Result<std::filesystem::path> model_path(const Program& program, const std::string& given);

struct SessionSettings {
  std::string activations = "auto";
  std::string key_type;
  std::string value_type;
  std::uint64_t batch = 512;
  bool lock_memory = false;
  bool cache = false;
  std::vector<Option> options();
  // Errors: USAGE_VALUE.
  [[nodiscard]] Result<engine::Activations> parse_activations() const;
  [[nodiscard]] Result<engine::SessionOptions> session_options(std::size_t context) const;
};

// Says by Program::warn() what there is to know of the tokenizer.
Result<std::shared_ptr<const engine::LoadedModel>> load_model(Program& program, engine::Runtime& runtime,
                                                              const std::filesystem::path& path,
                                                              const std::string& tokenizer,
                                                              const SessionSettings& session,
                                                              bool need_tokenizer);

// A whole file, or standard input for "-". At most kMaxTextBytes. Errors: those of read_text_file.
inline constexpr std::uint64_t kMaxTextBytes = std::uint64_t{1} << 30;
Result<std::string> read_input(const std::string& path);

// Bytes on disk of a model: a file, or the files of a folder that hold tensors.
std::uint64_t bytes_on_disk(const engine::LoadedModel& model);

std::vector<Option> concatenate(std::vector<std::vector<Option>> parts);

}  // namespace mote::cli
