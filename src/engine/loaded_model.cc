#include "engine/loaded_model.h"

#include <chrono>
#include <new>
#include <span>
#include <utility>

#include "engine/memory_plan.h"
#include "engine/packed_cache.h"
#include "engine/weights.h"
#include "sys/memory_lock.h"

namespace mote::engine {
namespace {

constexpr ErrorCode kTokenizerAbsent{"TOKENIZER_ABSENT", ErrorKind::failed};

Result<void> lock_weights(const Weights& weights) {
  const auto lock = [](const Linear& linear) {
    const kernels::PackedMatrix& m = linear.matrix;
    return sys::lock_memory(m.integer ? std::span<const std::byte>(m.tiles, m.bytes()) : m.blocks);
  };
  for (const QuantizedTensor* looked_up : {&weights.embedding, &weights.positions}) {
    if (!looked_up->planes.empty()) MOTE_TRY(sys::lock_memory(looked_up->blocks()));
  }
  MOTE_TRY(lock(weights.head));
  for (const BlockWeights& block : weights.blocks) {
    Result<void> locked;
    for_each_matrix(block, [&](const Linear& linear) {
      if (locked) locked = lock(linear);
    });
    MOTE_TRY(locked);
  }
  return {};
}

}  // namespace

std::string_view to_string(Activations a) { return a == Activations::f32 ? "f32" : "auto"; }

struct LoadedModel::Parts {
  std::filesystem::path path;
  Activations activations = Activations::automatic;
  model::Model model;
  std::unique_ptr<Weights> weights;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<text::ChatTemplate> chat_template;
  std::string chat_template_problem;
  double load_seconds = 0;
  std::optional<ModelStamp> stamp;
};

LoadedModel::LoadedModel(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LoadedModel::~LoadedModel() = default;

const std::optional<ModelStamp>& LoadedModel::stamp() const { return parts_->stamp; }
const std::filesystem::path& LoadedModel::path() const { return parts_->path; }
Activations LoadedModel::activations() const { return parts_->activations; }
std::size_t LoadedModel::vocab() const { return parts_->model.spec.vocab; }
double LoadedModel::load_seconds() const { return parts_->load_seconds; }
const Tokenizer* LoadedModel::tokenizer() const { return parts_->tokenizer.get(); }
Result<const Tokenizer*> LoadedModel::require_tokenizer() const {
  if (tokenizer() != nullptr) return tokenizer();
  return Error{.code = kTokenizerAbsent,
               .message = "the model has no tokenizer",
               .hint = "name one with --tokenizer",
               .file = path().string(),
               .byte_position = {}};
}
const std::string& LoadedModel::chat_template_problem() const { return parts_->chat_template_problem; }
std::uint64_t LoadedModel::bytes_per_token() const {
  return parts_->weights->matrix_bytes(parts_->model.spec.experts.used);
}
const model::ModelSpec& LoadedModel::spec() const { return parts_->model.spec; }
const model::Model& LoadedModel::model() const { return parts_->model; }
const text::ChatTemplate* LoadedModel::chat_template() const { return parts_->chat_template.get(); }
const Weights& LoadedModel::weights() const { return *parts_->weights; }

Result<std::shared_ptr<const LoadedModel>> LoadedModel::load(Runtime& runtime,
                                                             const std::filesystem::path& path,
                                                             const LoadOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  auto out = std::make_unique<Parts>();
  out->path = path;
  out->activations = options.activations;
  MOTE_ASSIGN(out->model, model::open_model(path));
  if (const auto stamp = stamp_model(*out->model.checkpoint->source, std::chrono::system_clock::now());
      stamp && !options.change_model) {
    out->stamp = *stamp;
  }
  if (options.change_model) options.change_model(out->model);

  const SessionOptions session = options.planned_session.value_or(
      SessionOptions{.context = 1, .kv_key_type = {}, .kv_value_type = {}, .batch = 1});
  MOTE_ASSIGN(MemoryPlan plan, plan_memory(out->model, options.activations, session));
  const bool exact = options.activations == Activations::f32;
  const PackedLayout layout(out->model, exact);
  PackedCache cache(runtime, out->model, layout);
  PackedCacheFile cached;
  if (options.packed_cache) cached = cache.find();
  if (cached.is_open()) map_packed_weights(plan);
  const std::uint64_t needed = options.planned_session ? plan.taken() : plan.packed_weights;
  MOTE_TRY(check_memory("load " + path.string(), plan, needed, runtime.memory_available_bytes()));

  // The tokenizer first: it fails fast, packing takes time.
  Result<std::unique_ptr<Tokenizer>> tokenizer = load_tokenizer(*out->model.checkpoint, options.tokenizer);
  if (tokenizer) {
    out->tokenizer = std::move(*tokenizer);
    const std::string& source = out->tokenizer->chat_template();
    if (!source.empty()) {
      Result<text::ChatTemplate> parsed = text::ChatTemplate::parse(source);
      if (parsed) {
        out->chat_template = std::make_unique<text::ChatTemplate>(std::move(*parsed));
      } else {
        out->chat_template_problem = format_error(parsed.error());
      }
    }
  } else if (options.need_tokenizer) {
    return std::move(tokenizer).error();
  }

  try {
    MOTE_ASSIGN(Weights weights, load_weights(runtime, out->model, layout, exact, std::move(cached)));
    out->weights = std::make_unique<Weights>(std::move(weights));
    if (options.packed_cache && !out->weights->cache.is_open() && out->weights->in_one_run) {
      cache.keep({out->weights->packed.data(), out->weights->packed.size()});
    }
  } catch (const std::bad_alloc&) {
    return Error{.code = kOutOfMemory,
                 .message = "cannot load " + path.string() + ": out of memory",
                 .hint = "use a smaller model",
                 .file = {},
                 .byte_position = {}};
  }
  if (options.lock_memory) MOTE_TRY(lock_weights(*out->weights));
  out->load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::shared_ptr<const LoadedModel>(new LoadedModel(std::move(out)));
}

}  // namespace mote::engine
