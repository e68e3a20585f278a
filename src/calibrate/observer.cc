#include "calibrate/observer.h"

#include <array>
#include <limits>
#include <string>

#include "base/strings.h"
#include "calibrate/readers.h"
#include "model/tensor_names.h"

namespace mote::calibrate {
namespace {

using engine::BlockInput;

Result<void> go_on(const CancelToken* cancel, std::size_t done, std::size_t total) {
  if (cancel == nullptr || !cancel->requested()) return {};
  return Error{
      kCancelled,
      "calibration stopped after " + with_thousands(done) + " of " + with_thousands(total) + " windows",
      "run the same command again",
      {},
      {}};
}

bool is_of_one_expert(BlockInput input) {
  return input == BlockInput::expert || input == BlockInput::expert_down;
}

}  // namespace

Result<std::unique_ptr<Observer>> Observer::create(engine::Runtime& runtime, const engine::LoadedModel& model,
                                                   std::size_t window) {
  const model::ModelSpec& spec = model.spec();
  const auto no_memory = [&] {
    return Error{kOutOfMemory,
                 "no memory for windows of " + with_thousands(window) + " tokens",
                 "use shorter ones (-c)",
                 {},
                 {}};
  };
  std::unique_ptr<Observer> out(new Observer(runtime, model));
  const engine::KvShape shape{spec.blocks, spec.kv_heads,       spec.head_dim,
                              window,      engine::KvType::f32, engine::KvType::f32};
  auto cache = engine::KvCache::create(shape, runtime.kernels());
  if (!cache) return no_memory();
  out->cache_.emplace(std::move(*cache));
  out->forward_ = engine::Forward::create(runtime, spec, model.weights(), window, window);
  if (out->forward_ == nullptr) return no_memory();
  const std::size_t experts = spec.experts.count;
  out->forward_->set_tap([self = out.get(), experts](const engine::TappedInput& in) {
    Site& site = self->sites_[{in.layer, in.input}];
    self->add_rows(site, is_of_one_expert(in.input) ? experts : 1, in.expert, in.cols, in.rows);
  });
  return out;
}

void Observer::add(std::span<const TokenId> tokens) {
  const std::array<engine::Slice, 1> slices{engine::Slice{&*cache_, 0, tokens.size()}};
  forward_->embed(tokens, slices);
  forward_->run(0, model_->spec().blocks, slices);
  const std::span<const float> rows = forward_->normalized(0, tokens.size());
  add_rows(head_, 1, 0, model_->spec().width, rows);
}

// Columns on the workers, each summed over the tokens in their order.
void Observer::add_rows(Site& site, std::size_t matrices, std::size_t matrix, std::size_t cols,
                        std::span<const float> rows) {
  if (site.cols == 0) {
    site.cols = cols;
    site.sums.counts.resize(matrices);
    site.sums.sums.resize(matrices * cols);
    site.sums.squares.resize(matrices * cols);
  }
  const std::size_t tokens = rows.size() / cols;
  site.sums.counts[matrix] += tokens;
  double* const sums = site.sums.sums.data() + matrix * cols;
  double* const squares = site.sums.squares.data() + matrix * cols;
  constexpr std::size_t kColumns = 64;
  runtime_->pool().parallel_for(cols, kColumns, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = 0; t < tokens; ++t) {
      const float* const x = rows.data() + t * cols;
      for (std::size_t c = begin; c < end; ++c) {
        const auto value = static_cast<double>(x[c]);
        sums[c] += value;
        squares[c] += value * value;
      }
    }
  });
}

Result<std::map<std::string, InputSums, std::less<>>> Observer::by_tensor() const {
  const formats::TensorSource& source = *model_->model().canonical;
  std::map<std::string, InputSums, std::less<>> out;
  for (const auto& [key, site] : sites_) {
    const auto& [layer, input] = key;
    for (const std::size_t index : readers_of(source, static_cast<std::uint32_t>(layer), input)) {
      out[source.tensors()[index].name] = site.sums;
    }
  }
  // The embedding serves as head in many models; what it multiplies then is what its rows answer to.
  const std::string head =
      model::gguf_name(model_->spec().tied_head ? model::Role::token_embd : model::Role::output);
  if (model_->spec().causal && source.find(head) && head_.cols > 0) out[head] = head_.sums;
  // Files hold floats; a model that is sound stays far below their largest.
  constexpr double kMost = std::numeric_limits<float>::max();
  for (const auto& [name, sums] : out) {
    for (const double x : sums.squares) {
      if (x <= kMost) continue;
      return Error{kStatisticsNonfinite,
                   "the inputs of tensor '" + escape_untrusted(name) + "' were not finite",
                   "check the model with mote inspect --verify, and the text for what it does to it",
                   model_->path().string(),
                   {}};
    }
  }
  return out;
}

Result<std::map<std::string, InputSums, std::less<>>> observe(
    engine::Runtime& runtime, const engine::LoadedModel& model, const Windows& windows,
    const CancelToken* cancel, const std::function<void(std::size_t window)>& begin) {
  MOTE_ASSIGN(const auto observer, Observer::create(runtime, model, windows.window));
  for (std::size_t w = 0; w < windows.count(); ++w) {
    MOTE_TRY(go_on(cancel, w, windows.count()));
    if (begin) begin(w);
    observer->add(std::span<const TokenId>(windows.tokens).subspan(w * windows.window, windows.window));
  }
  // Mapped weights may have turned into zeros under a handler of SIGBUS: what was made of them is not kept.
  MOTE_TRY(model.model().canonical->check());
  MOTE_TRY(go_on(cancel, windows.count(), windows.count()));
  return observer->by_tensor();
}

}  // namespace mote::calibrate
