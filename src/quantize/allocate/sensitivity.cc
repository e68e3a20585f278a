#include "quantize/allocate/sensitivity.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "base/checked.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "measure/statistics.h"
#include "model/tensor_names.h"
#include "quantize/presets.h"
#include "quantize/replaced_tensors.h"

namespace mote::quantize {
namespace {

using engine::Slice;

class Prober {
 public:
  Prober(engine::Runtime& runtime, const engine::LoadedModel& model, std::span<const TokenId> tokens,
         const SensitivityOptions& options)
      : runtime_(runtime),
        model_(model),
        spec_(model.spec()),
        options_(options),
        window_(std::min<std::size_t>({options.window, tokens.size(), spec_.context})),
        windows_(std::min(options.windows, tokens.size() / window_)),
        tokens_(tokens.first(windows_ * window_)) {
    for (std::size_t at = std::min(options.unscored, window_ - 1); at < window_; at += options.scored) {
      rows_.push_back(at);
    }
  }

  Result<void> open() {
    const engine::KvShape shape{spec_.blocks, spec_.kv_heads,      spec_.head_dim,
                                window_,      engine::KvType::f32, engine::KvType::f32};
    auto cache = engine::KvCache::create(shape, runtime_.kernels());
    if (!cache) return no_memory();
    cache_.emplace(std::move(*cache));
    hidden_.resize(spec_.blocks * tokens_.size() * spec_.width);
    logits_.resize(rows_.size() * spec_.vocab);
    reference_.resize(windows_ * logits_.size());
    norms_.resize(windows_ * rows_.size());
    auto forward = engine::Forward::create(runtime_, spec_, model_.weights(), window_, window_);
    if (forward == nullptr) return no_memory();
    for (std::size_t w = 0; w < windows_; ++w) {
      const std::array<Slice, 1> slice{Slice{&*cache_, 0, window_}};
      forward->embed(tokens_.subspan(w * window_, window_), slice);
      for (std::size_t block = 0; block < spec_.blocks; ++block) {
        std::ranges::copy(forward->hidden().first(window_ * spec_.width), before(block, w).begin());
        forward->run(block, block + 1, slice);
      }
      forward->logits(rows_, reference(w).data());
      normalize(w);
    }
    MOTE_ASSIGN(made_, engine::load_weights(runtime_, model_.model(), engine::PackedLayout(), true));
    return {};
  }

  Result<double> divergence_with(std::size_t index, QuantizedTensor tensor) {
    const formats::TensorSource& source = *model_.model().canonical;
    const std::string& name = source.tensors()[index].name;
    ReplacedTensors tensors(source);
    tensors.replace(index, std::move(tensor));
    if (const int layer = model::layer_of(name); layer >= 0) {
      const auto block = static_cast<std::uint32_t>(layer);
      MOTE_ASSIGN(made_.blocks[block], engine::load_block_weights(runtime_, spec_, tensors, block, true));
      Result<double> out = run(block);
      MOTE_ASSIGN(made_.blocks[block], engine::load_block_weights(runtime_, spec_, source, block, true));
      return out;
    }
    // Outside the blocks: the embedding, the head, or both in one.
    MOTE_TRY(engine::load_outer_weights(runtime_, spec_, tensors, true, made_));
    Result<double> out = run(std::nullopt);
    MOTE_TRY(engine::load_outer_weights(runtime_, spec_, source, true, made_));
    return out;
  }

 private:
  static Error no_memory() {
    return {kOutOfMemory, "no memory to probe the tensors", "use a smaller model", {}, {}};
  }
  std::span<float> before(std::size_t block, std::size_t w) {
    const std::size_t size = window_ * spec_.width;
    return std::span(hidden_).subspan((block * windows_ + w) * size, size);
  }
  std::span<float> reference(std::size_t w) {
    return std::span(reference_).subspan(w * logits_.size(), logits_.size());
  }
  void normalize(std::size_t w) {
    const std::span<const float> rows = reference(w);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      norms_[w * rows_.size() + i] = measure::normalize(rows.subspan(i * spec_.vocab, spec_.vocab));
    }
  }

  // Mean divergence with the weights as they are now; from the block on, or from the tokens on.
  Result<double> run(std::optional<std::size_t> block) {
    const auto forward = engine::Forward::create(runtime_, spec_, made_, window_, window_);
    if (forward == nullptr) return no_memory();
    std::vector<double> sums(rows_.size());
    double total = 0;
    for (std::size_t w = 0; w < windows_; ++w) {
      if (options_.cancel != nullptr && options_.cancel->requested()) {
        return Error{kCancelled, "quantizing stopped", "run the same command again", {}, {}};
      }
      const std::array<Slice, 1> slice{Slice{&*cache_, 0, window_}};
      if (block) {
        std::ranges::copy(before(*block, w), forward->hidden().begin());
      } else {
        forward->embed(tokens_.subspan(w * window_, window_), slice);
      }
      forward->run(block.value_or(0), spec_.blocks, slice);
      forward->logits(rows_, logits_.data());
      const std::span<const float> original = reference(w);
      runtime_.pool().parallel_for(rows_.size(), 4, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
          const std::span<const float> row(logits_.data() + i * spec_.vocab, spec_.vocab);
          sums[i] = measure::kl_divergence(original.subspan(i * spec_.vocab, spec_.vocab),
                                           norms_[w * rows_.size() + i], row, measure::normalize(row));
        }
      });
      for (const double kld : sums) total += kld;
    }
    return std::max(0.0, total / static_cast<double>(windows_ * rows_.size()));
  }

  engine::Runtime& runtime_;
  const engine::LoadedModel& model_;
  const model::ModelSpec& spec_;
  const SensitivityOptions& options_;
  std::size_t window_;
  std::size_t windows_;
  std::span<const TokenId> tokens_;
  std::vector<std::size_t> rows_;  // positions of a window that are scored
  std::optional<engine::KvCache> cache_;
  std::vector<float> hidden_;     // [blocks][windows][window][width]
  std::vector<float> reference_;  // [windows][rows][vocab]: the original's logits
  std::vector<measure::Normalizer> norms_;
  std::vector<float> logits_;  // [rows][vocab]
  engine::Weights made_;
};

Result<std::vector<double>> probe(Prober& prober, std::span<const std::size_t> tensors,
                                  const Replacement& replaced, const SensitivityOptions& options) {
  MOTE_TRY(prober.open());
  std::vector<double> out;
  for (const std::size_t index : tensors) {
    if (options.begin) options.begin(index);
    MOTE_ASSIGN(QuantizedTensor tensor, replaced(index));
    MOTE_ASSIGN(out.emplace_back(), prober.divergence_with(index, std::move(tensor)));
    if (options.done) MOTE_TRY(options.done(index, out.back()));
  }
  return out;
}

}  // namespace

std::optional<std::uint64_t> sensitivity_bytes(const model::ModelSpec& spec, std::size_t tokens,
                                               const SensitivityOptions& options, unsigned threads) {
  const std::size_t window = std::min<std::size_t>({options.window, tokens, spec.context});
  const std::size_t windows = std::min(options.windows, tokens / std::max<std::size_t>(window, 1));
  const std::size_t rows = (window - std::min(options.unscored, window)) / options.scored + 1;
  const engine::KvShape shape{spec.blocks, spec.kv_heads,       spec.head_dim,
                              window,      engine::KvType::f32, engine::KvType::f32};
  const auto cache = shape.bytes();
  const auto scratch = engine::Forward::scratch_bytes(spec, window, window, threads);
  if (!cache || !scratch) return std::nullopt;
  const Checked hidden = Checked(spec.blocks) * windows * window * spec.width;
  const Checked logits = (Checked(windows) + 1) * rows * spec.vocab;
  return ((hidden + logits) * sizeof(float) + *cache + Checked(*scratch) * 2).value();
}

Result<std::vector<double>> probe_tensors(engine::Runtime& runtime, const engine::LoadedModel& model,
                                          std::span<const TokenId> tokens,
                                          std::span<const std::size_t> tensors, const Replacement& replaced,
                                          const SensitivityOptions& options) {
  try {
    Prober prober(runtime, model, tokens, options);
    return probe(prober, tensors, replaced, options);
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory, "no memory to probe the tensors", "use a smaller model", {}, {}};
  }
}

}  // namespace mote::quantize
