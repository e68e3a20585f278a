// A model ready to run: weights packed for this processor, tokenizer and chat template beside them. Immutable
// once loaded, so any number of sessions share it.
//
// Why packed and not mapped: the integer kernels read 16 rows at a time in an order no file has. Plain float
// weights, and all weights with Activations::f32, stay in the mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mote/result.h"
#include "mote/runtime.h"
#include "mote/session_options.h"
#include "mote/tokenizer.h"

// Of the library's inside; complete in its own headers only.
namespace mote::model {
struct Model;
struct ModelSpec;
}  // namespace mote::model
namespace mote::text {
class ChatTemplate;
}

namespace mote::engine {

// What a load and a session would take, or an option asks for, is more than there is: refused beforehand.
inline constexpr ErrorCode kModelMemory{"MODEL_MEMORY", ErrorKind::resource_exhausted};

// How activations meet weights. automatic: int8 per 32 values against quantized weights, as a device
// computes. f32: exact products with the decoded weights, to judge weights alone (keys as q8_0 and q4_0 meet
// int8 queries all the same).
enum class Activations : std::uint8_t { automatic, f32 };
std::string_view to_string(Activations a);  // "auto", "f32"

struct LoadOptions {
  Activations activations = Activations::automatic;
  std::filesystem::path tokenizer;  // file or folder; empty: the checkpoint's own
  bool need_tokenizer = true;       // false: a model without one loads too
  // Called with the opened model before weights are read: tensors in another form, experiments that leave a
  // feature out. For the library itself.
  std::function<void(model::Model&)> change_model;
  bool lock_memory = false;  // weights are never paged out
  // The packed weights of a GGUF file are kept in a file beside it, "MODEL.gguf.mote-cache", and mapped from
  // there by the next load. A cache that is not of this model, or damaged, is made anew; what goes wrong is a
  // line of the runtime's log.
  bool packed_cache = false;
  // Where given, loading is refused if weights and a session like this one do not fit together.
  std::optional<SessionOptions> planned_session;
};

struct Weights;  // of the library's inside
struct ModelStamp;

class LoadedModel {
 public:
  // `path`: a GGUF file, a Hugging Face folder, a .safetensors file beside its config, or a llama2.c file.
  // Errors: INPUT_MISSING and others of reading files, MODEL_FORMAT, FORMAT_PICKLE, the reader's (GGUF_*,
  // ST_*), MODEL_ARCH, MODEL_HPARAM, MODEL_TENSOR, MODEL_NONFINITE (tensor and block named), MODEL_MEMORY
  // (all numbers given), MEMORY_LOCK, OUT_OF_MEMORY, the tokenizer's (TOK_*). A chat template that does not
  // parse is no error: see chat_template_problem().
  static Result<std::shared_ptr<const LoadedModel>> load(Runtime& runtime, const std::filesystem::path& path,
                                                         const LoadOptions& options = {});
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] Activations activations() const;
  [[nodiscard]] std::size_t vocab() const;  // logits per position
  [[nodiscard]] double load_seconds() const;
  [[nodiscard]] const Tokenizer* tokenizer() const;  // null: the model has none
  // The same, TOKENIZER_ABSENT where the model has none.
  [[nodiscard]] Result<const Tokenizer*> require_tokenizer() const;
  // Why there is no chat template although the checkpoint has one; empty otherwise.
  [[nodiscard]] const std::string& chat_template_problem() const;
  // Weight bytes that producing one token reads (for bandwidth figures).
  [[nodiscard]] std::uint64_t bytes_per_token() const;

  // For the library's own modules.
  [[nodiscard]] const model::ModelSpec& spec() const;
  [[nodiscard]] const model::Model& model() const;
  [[nodiscard]] const text::ChatTemplate* chat_template() const;  // null: none
  [[nodiscard]] const Weights& weights() const;
  // Of the files as they were when they were read; nothing where the model was changed (change_model).
  [[nodiscard]] const std::optional<ModelStamp>& stamp() const;

 private:
  struct Parts;
  explicit LoadedModel(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace mote::engine
