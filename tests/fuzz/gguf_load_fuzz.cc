// GGUF, load and run: any bytes as a model that is opened, loaded and run for a few tokens, by turns with the
// best kernels and the plain ones, with int8 and exact activations. Memory is capped, so a file cannot ask
// for more.
#include <cmath>
#include <cstring>
#include <memory>

#include "engine/loaded_model.h"
#include "engine/session.h"
#include "fuzz/target.h"

namespace {

using mote::engine::Activations;
using mote::engine::LoadedModel;
using mote::engine::Runtime;
using mote::engine::Session;

constexpr std::uint64_t kMemoryLimit = std::uint64_t{64} << 20;

Runtime& runtime_of(bool plain) {
  const auto make = [](std::optional<mote::kernels::Isa> isa) {
    mote::engine::RuntimeOptions options;
    options.threads = 1;
    options.isa = isa;
    options.memory_limit_bytes = kMemoryLimit;
    auto runtime = Runtime::create(std::move(options));
    MOTE_FUZZ_CHECK(runtime);
    return std::move(*runtime);
  };
  static const std::unique_ptr<Runtime> best = make(std::nullopt);
  static const std::unique_ptr<Runtime> reference = make(mote::kernels::Isa::reference);
  return plain ? *reference : *best;
}

// What is stored as plain floats is finite; so are the numbers that the arithmetic starts from.
void check_finite(const mote::model::Model& model) {
  const mote::model::ModelSpec& spec = model.spec;
  MOTE_FUZZ_CHECK(std::isfinite(spec.norm_eps) && std::isfinite(spec.rope.base) &&
                  std::isfinite(spec.rope.factor));
  MOTE_FUZZ_CHECK(spec.heads > 0 && spec.kv_heads > 0 && spec.heads % spec.kv_heads == 0);
  const auto tensors = model.canonical->tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].codec != mote::CodecId::f32) continue;
    const auto tensor = model.canonical->read(i);
    MOTE_FUZZ_CHECK(tensor);
    const std::span<const std::byte> bytes = tensor->blocks();
    for (std::size_t at = 0; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, bytes.data() + at, sizeof value);
      MOTE_FUZZ_CHECK(std::isfinite(value));
    }
  }
}

void run(Runtime& runtime, const std::shared_ptr<const LoadedModel>& model) {
  auto session =
      Session::create(runtime, model, {.context = 8, .kv_key_type = {}, .kv_value_type = {}, .batch = 4});
  if (!session) return;
  const auto vocab = static_cast<mote::TokenId>(model->vocab());
  const std::vector<mote::TokenId> tokens = {0, vocab - 1, vocab / 2};
  const auto logits = (*session)->feed(tokens, mote::engine::LogitsWanted::all);
  MOTE_FUZZ_CHECK(logits && logits->size() == tokens.size() * model->vocab());
  mote::fuzz::touch(std::as_bytes(*logits));
  // One more than the vocabulary is refused, and leaves the session as it was.
  MOTE_FUZZ_CHECK(!(*session)->feed(std::vector<mote::TokenId>{vocab}, mote::engine::LogitsWanted::last));
  MOTE_FUZZ_CHECK((*session)->position() == tokens.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = mote::fuzz::memory_file(mote::fuzz::as_text(data, size));
  const std::size_t turn = size % 4;
  Runtime& runtime = runtime_of(turn % 2 == 1);
  mote::engine::LoadOptions options;
  options.activations = turn < 2 ? Activations::automatic : Activations::f32;
  options.need_tokenizer = false;
  const auto model = LoadedModel::load(runtime, path, options);
  if (!model) return 0;
  check_finite((*model)->model());
  run(runtime, *model);
  return 0;
}
