// A model ready to run: weights packed for this processor, tokenizer and chat template beside them. Immutable
// once loaded, so any number of sessions share it.
//
// Why packed and not mapped: the integer kernels read 16 rows at a time in an order no file has. Plain float
// weights, and all weights with Activations::f32, stay in the mapped file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/runtime.h"
#include "engine/session_options.h"
#include "model/model.h"
#include "mote/result.h"
#include "mote/tokenizer.h"
#include "text/template/chat_template.h"

namespace mote::engine {

constexpr ErrorCode kModelMemory{"MODEL_MEMORY", ErrorKind::resource_exhausted};

// How activations meet weights. automatic: int8 per 32 values against quantized weights, as a device
// computes. f32: exact products with the decoded weights, to judge weights alone.
enum class Activations : std::uint8_t { automatic, f32 };
std::string_view to_string(Activations a);  // "auto", "f32"

struct LoadOptions {
  Activations activations = Activations::automatic;
  std::filesystem::path tokenizer;  // file or folder; empty: the checkpoint's own
  bool need_tokenizer = true;       // false: a model without one loads too
  // Called with the spec before weights are read: experiments that leave a feature out.
  std::function<void(model::ModelSpec&)> change_spec;
  // Where given, loading is refused if weights and a session like this one do not fit together.
  std::optional<SessionOptions> planned_session;
};

// Bytes, planned before anything is taken.
struct MemoryPlan {
  std::uint64_t packed_weights = 0;  // taken at load
  std::uint64_t mapped_weights = 0;  // read from the mapped file as needed; may be dropped by the system
  std::uint64_t kv = 0;              // of one session
  std::uint64_t scratch = 0;         // of one session
  [[nodiscard]] std::uint64_t total() const { return packed_weights + mapped_weights + kv + scratch; }
  [[nodiscard]] std::uint64_t taken() const { return packed_weights + kv + scratch; }
};

struct Weights;  // weights.h

class LoadedModel {
 public:
  // Errors: those of open_model; MODEL_NONFINITE (tensor and block named), MODEL_MEMORY (all numbers given),
  // the tokenizer's and the template's.
  static Result<std::shared_ptr<const LoadedModel>> load(Runtime& runtime, const std::filesystem::path& path,
                                                         const LoadOptions& options = {});
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  [[nodiscard]] const model::ModelSpec& spec() const { return model_.spec; }
  [[nodiscard]] const model::Model& model() const { return model_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] Activations activations() const { return activations_; }
  [[nodiscard]] std::size_t vocab() const { return model_.spec.vocab; }
  [[nodiscard]] double load_seconds() const { return load_seconds_; }
  [[nodiscard]] const Tokenizer* tokenizer() const { return tokenizer_.get(); }  // null: the model has none
  [[nodiscard]] const text::ChatTemplate* chat_template() const {
    return chat_template_.get();
  }  // null: none
  // Why there is no chat template although the checkpoint has one; empty otherwise.
  [[nodiscard]] const std::string& chat_template_problem() const { return chat_template_problem_; }
  // Weight bytes that producing one token reads (for bandwidth figures).
  [[nodiscard]] std::uint64_t bytes_per_token() const;
  [[nodiscard]] const Weights& weights() const { return *weights_; }

 private:
  LoadedModel() = default;

  std::filesystem::path path_;
  Activations activations_ = Activations::automatic;
  model::Model model_;
  std::unique_ptr<Weights> weights_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<text::ChatTemplate> chat_template_;
  std::string chat_template_problem_;
  double load_seconds_ = 0;
};

// What a load and a session would take. `options` as given to Session::create. Checked: MODEL_MEMORY where
// the numbers themselves overflow.
Result<MemoryPlan> plan_memory(const model::Model& model, Activations activations,
                               const SessionOptions& options);

}  // namespace mote::engine
