#include "engine/loaded_model.h"

#include <chrono>
#include <new>
#include <utility>

#include "engine/memory_plan.h"
#include "engine/weights.h"

namespace mote::engine {

std::string_view to_string(Activations a) { return a == Activations::f32 ? "f32" : "auto"; }

LoadedModel::~LoadedModel() = default;

std::uint64_t LoadedModel::bytes_per_token() const {
  return weights_->matrix_bytes(model_.spec.experts.used);
}

Result<std::shared_ptr<const LoadedModel>> LoadedModel::load(Runtime& runtime,
                                                             const std::filesystem::path& path,
                                                             const LoadOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const std::shared_ptr<LoadedModel> out(new LoadedModel());
  out->path_ = path;
  out->activations_ = options.activations;
  MOTE_ASSIGN(out->model_, model::open_model(path));
  if (options.change_spec) options.change_spec(out->model_.spec);

  const SessionOptions session = options.planned_session.value_or(
      SessionOptions{.context = 1, .kv_key_type = {}, .kv_value_type = {}, .batch = 1});
  MOTE_ASSIGN(const MemoryPlan plan, plan_memory(out->model_, options.activations, session));
  const std::uint64_t needed = options.planned_session ? plan.taken() : plan.packed_weights;
  MOTE_TRY(check_memory("load " + path.string(), plan, needed, runtime.memory_available_bytes()));

  // The tokenizer first: it fails fast, packing takes time.
  Result<std::unique_ptr<Tokenizer>> tokenizer = load_tokenizer(*out->model_.checkpoint, options.tokenizer);
  if (tokenizer) {
    out->tokenizer_ = std::move(*tokenizer);
    const std::string& source = out->tokenizer_->chat_template();
    if (!source.empty()) {
      Result<text::ChatTemplate> parsed = text::ChatTemplate::parse(source);
      if (parsed) {
        out->chat_template_ = std::make_unique<text::ChatTemplate>(std::move(*parsed));
      } else {
        out->chat_template_problem_ = format_error(parsed.error());
      }
    }
  } else if (options.need_tokenizer) {
    return std::move(tokenizer).error();
  }

  try {
    MOTE_ASSIGN(Weights weights, load_weights(runtime, out->model_, options.activations == Activations::f32));
    out->weights_ = std::make_unique<Weights>(std::move(weights));
  } catch (const std::bad_alloc&) {
    return Error{.code = kModelMemory,
                 .message = "cannot load " + path.string() + ": out of memory",
                 .hint = "use a smaller model",
                 .file = {},
                 .byte_position = {}};
  }
  out->load_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::shared_ptr<const LoadedModel>(out);
}

}  // namespace mote::engine
