#include "calibrate/observer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>

#include "base/checked.h"
#include "base/strings.h"
#include "calibrate/readers.h"
#include "model/tensor_names.h"

namespace mote::calibrate {
namespace {

using engine::BlockInput;

Result<void> go_on(const CancelToken* cancel, std::size_t done, std::size_t total, std::string_view what) {
  if (cancel == nullptr || !cancel->requested()) return {};
  return Error{kCancelled,
               "calibration stopped after " + with_thousands(done) + " of " + with_thousands(total) + " " +
                   std::string(what),
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
  out->window_ = window;
  const std::size_t experts = spec.experts.count;
  out->forward_->set_tap([self = out.get(), experts](const engine::TappedInput& in) {
    Site& site = self->sites_[{in.layer, in.input}];
    self->add_rows(site, is_of_one_expert(in.input) ? experts : 1, in.expert, in.cols, in.rows);
    if (self->with_moments_ && self->failure_ && self->is_read(in.layer, in.input)) {
      self->failure_ = self->add_moments(site, in.expert, in.rows);
    }
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

Result<void> Observer::add_by_block(std::span<const TokenId> tokens, SpilledMoments& moments,
                                    const std::function<Result<void>(std::size_t step)>& begin) {
  const std::size_t width = model_->spec().width;
  const std::size_t size = window_ * width;  // of a window's hidden states
  const std::size_t windows = tokens.size() / window_;
  const std::array<engine::Slice, 1> slices{engine::Slice{&*cache_, 0, window_}};
  std::vector<float> hidden(windows * size);
  const auto load = [&](std::size_t w) {
    std::copy_n(hidden.data() + w * size, size, forward_->hidden().data());
  };
  const auto store = [&](std::size_t w) {
    std::copy_n(forward_->hidden().data(), size, hidden.data() + w * size);
  };
  for (std::size_t w = 0; w < windows; ++w) {
    forward_->embed(tokens.subspan(w * window_, window_), slices);
    store(w);
  }
  const formats::TensorSource& source = *model_->model().canonical;
  with_moments_ = true;
  for (std::uint32_t block = 0; block < model_->spec().blocks; ++block) {
    for (std::size_t w = 0; w < windows; ++w) {
      MOTE_TRY(begin(block * windows + w));
      load(w);
      forward_->run(block, block + 1, slices);
      store(w);
      MOTE_TRY(failure_);
    }
    for (const BlockInput input : engine::kBlockInputs) {
      const auto site = sites_.find({block, input});
      if (site == sites_.end()) continue;
      const std::vector<std::size_t> readers = readers_of(source, block, input);
      if (!readers.empty()) MOTE_TRY(spill(site->second, source.tensors()[readers.front()].name, moments));
      site->second.moments.clear();
    }
  }
  for (std::size_t w = 0; w < windows; ++w) {
    MOTE_TRY(begin(model_->spec().blocks * windows + w));
    load(w);
    const std::span<const float> rows = forward_->normalized(0, window_);
    add_rows(head_, 1, 0, width, rows);
    MOTE_TRY(add_moments(head_, 0, rows));
  }
  if (model_->spec().causal && source.find(head_name())) MOTE_TRY(spill(head_, head_name(), moments));
  head_.moments.clear();
  return {};
}

bool Observer::is_read(std::size_t layer, BlockInput input) const {
  return !readers_of(*model_->model().canonical, static_cast<std::uint32_t>(layer), input).empty();
}

Result<void> Observer::add_moments(Site& site, std::size_t matrix, std::span<const float> rows) {
  site.moments.resize(site.sums.counts.size());
  if (!site.moments[matrix]) {
    MOTE_ASSIGN(site.moments[matrix], Moments::create(*runtime_, site.cols, window_));
  }
  site.moments[matrix]->add(rows);
  return {};
}

// An expert that nothing has chosen has moments of 0.
Result<void> Observer::spill(Site& site, const std::string& tensor, SpilledMoments& to) {
  const MomentEntry entry{tensor, site.cols, site.sums.counts};
  for (std::size_t m = 0; m < entry.matrices(); ++m) {
    const bool seen = m < site.moments.size() && site.moments[m];
    MOTE_TRY(to.add(
        entry, seen ? site.moments[m]->packed_sums() : std::vector<float>(packed_size(entry.cols), 0.0F)));
  }
  return {};
}

std::string Observer::head_name() const { return model::head_name(model_->spec()); }

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

Result<SumsByTensor> Observer::by_tensor() const {
  const formats::TensorSource& source = *model_->model().canonical;
  SumsByTensor out;
  for (const auto& [key, site] : sites_) {
    const auto& [layer, input] = key;
    for (const std::size_t index : readers_of(source, static_cast<std::uint32_t>(layer), input)) {
      out[source.tensors()[index].name] = site.sums;
    }
  }
  // The embedding serves as head in many models; what it multiplies then is what its rows answer to.
  const std::string head = head_name();
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

Result<SumsByTensor> observe(engine::Runtime& runtime, const engine::LoadedModel& model,
                             const Windows& windows, const CancelToken* cancel, const ObserverProgress& begin,
                             SpilledMoments* moments) {
  MOTE_ASSIGN(const auto observer, Observer::create(runtime, model, windows.window));
  const std::size_t passes = moments != nullptr ? std::size_t{model.spec().blocks} + 1 : 1;
  const std::size_t steps = passes * windows.count();
  const auto start = [&](std::size_t step) -> Result<void> {
    MOTE_TRY(go_on(cancel, step, steps, moments != nullptr ? "steps" : "windows"));
    if (begin) begin(step, steps);
    return {};
  };
  if (moments != nullptr) {
    MOTE_TRY(observer->add_by_block(windows.tokens, *moments, start));
  } else {
    for (std::size_t w = 0; w < windows.count(); ++w) {
      MOTE_TRY(start(w));
      observer->add(std::span<const TokenId>(windows.tokens).subspan(w * windows.window, windows.window));
    }
  }
  // Mapped weights may have turned into zeros under a handler of SIGBUS: what was made of them is not kept.
  MOTE_TRY(model.model().canonical->check());
  MOTE_TRY(go_on(cancel, steps, steps, moments != nullptr ? "steps" : "windows"));
  return observer->by_tensor();
}

std::optional<std::uint64_t> observer_bytes(const engine::LoadedModel& model, const Windows& windows,
                                            unsigned threads, bool with_moments) {
  const model::ModelSpec& spec = model.spec();
  const engine::KvShape shape{spec.blocks,    spec.kv_heads,       spec.head_dim,
                              windows.window, engine::KvType::f32, engine::KvType::f32};
  const auto cache = shape.bytes();
  const auto scratch = engine::Forward::scratch_bytes(spec, windows.window, windows.window, threads);
  if (!cache || !scratch) return std::nullopt;
  const formats::TensorSource& source = *model.model().canonical;
  Checked sums = 0;
  std::uint64_t most = 0;  // moments of a block
  for (std::uint32_t block = 0; block <= spec.blocks; ++block) {
    Checked of_block = 0;
    const auto add = [&](std::size_t tensor, std::size_t readers) {
      const Shape& of = source.tensors()[tensor].shape;
      const std::uint64_t matrices = of.rank() == 3 ? of.dims()[0] : 1;
      // Of each reader, twice while they are handed on.
      sums = sums + Checked(matrices) * of.cols() * 2 * sizeof(double) * readers * 2;
      // Packed on their way to the file.
      of_block = of_block + Moments::bytes(of.cols(), windows.window, threads) * matrices +
                 Checked(packed_size(of.cols())) * sizeof(float);
    };
    if (block == spec.blocks) {
      if (const auto head = source.find(model::head_name(spec))) add(*head, 1);
    } else {
      for (const BlockInput input : engine::kBlockInputs) {
        const std::vector<std::size_t> readers = readers_of(source, block, input);
        if (!readers.empty()) add(readers.front(), readers.size());
      }
    }
    if (!of_block.value()) return std::nullopt;
    most = std::max(most, *of_block.value());
  }
  const Checked hidden = Checked(windows.tokens.size()) * spec.width * sizeof(float);
  const Checked all = sums + *cache + *scratch + model.weights().copied_bytes();
  return (with_moments ? all + most + hidden : all).value();
}

}  // namespace mote::calibrate
