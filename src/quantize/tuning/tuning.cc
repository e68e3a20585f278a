#include "quantize/tuning/tuning.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <new>
#include <numbers>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/rng.h"
#include "base/strings.h"
#include "calibrate/windows.h"
#include "codec/codec.h"
#include "engine/forward.h"
#include "grad/block_gradient.h"
#include "grad/head_gradient.h"
#include "model/tensor_names.h"
#include "quantize/quantize.h"
#include "quantize/tuning/tuned_tensor.h"

namespace mote::quantize {
namespace {

using grad::BlockMatrix;
using model::Role;

constexpr std::size_t kHeldOutOf = 10;
constexpr std::size_t kWarmUp = 10;      // steps in which the rate rises
constexpr std::size_t kRowsAtOnce = 16;  // of a matrix that is decoded

// Where a matrix of a block lies: rows of a tensor.
struct Place {
  std::size_t tensor = 0;
  std::size_t first = 0;
  std::size_t rows = 0;
};
using Places = std::array<Place, grad::kBlockMatrices>;

Error no_memory() {
  return {kOutOfMemory, "no memory to tune factors", "use --effort standard, or shorter windows", {}, {}};
}

// The original model's last hidden states, and its logits from them.
class Teacher {
 public:
  static Result<std::unique_ptr<Teacher>> create(engine::Runtime& runtime, const engine::LoadedModel& model,
                                                 std::size_t window) {
    auto out = std::unique_ptr<Teacher>(new Teacher(model.spec(), window));
    const model::ModelSpec& spec = model.spec();
    auto cache = engine::KvCache::create(
        {spec.blocks, spec.kv_heads, spec.head_dim, window, engine::KvType::f32, engine::KvType::f32},
        runtime.kernels());
    out->forward_ = engine::Forward::create(runtime, spec, model.weights(), window, window);
    if (!cache || out->forward_ == nullptr) return no_memory();
    out->cache_.emplace(std::move(*cache));
    return out;
  }

  void add(std::span<const TokenId> tokens) {
    const std::array<engine::Slice, 1> slice{{{&*cache_, 0, window_}}};
    forward_->embed(tokens, slice);
    forward_->run(0, spec_.blocks, slice);
    const std::span<const float> last = forward_->hidden().first(window_ * spec_.width);
    hidden_.insert(hidden_.end(), last.begin(), last.end());
  }

  void logits(std::size_t window, std::size_t first, std::size_t count, float* out) {
    const float* rows = hidden_.data() + (window * window_ + first) * spec_.width;
    std::copy_n(rows, count * spec_.width, forward_->hidden().begin());
    forward_->logits(0, count, out);
  }

 private:
  Teacher(const model::ModelSpec& spec, std::size_t window) : spec_(spec), window_(window) {}

  const model::ModelSpec& spec_;
  std::size_t window_;
  std::optional<engine::KvCache> cache_;
  std::unique_ptr<engine::Forward> forward_;
  std::vector<float> hidden_;
};

class Job {
 public:
  Job(engine::Runtime& runtime, const engine::LoadedModel& model, std::span<const TokenId> tokens,
      const TuningOptions& options, std::vector<NewTensor>& tensors)
      : runtime_(runtime),
        spec_(model.spec()),
        weights_(model.weights()),
        source_(*model.model().canonical),
        model_(model),
        tokens_(tokens),
        options_(options),
        new_(tensors),
        block_(runtime, spec_, options.window),
        head_(runtime, spec_) {}

  Result<TuningResult> run() {
    MOTE_TRY(open());
    MOTE_ASSIGN(TuningState state, start());
    std::vector<std::size_t> order(trained_);
    std::iota(order.begin(), order.end(), std::size_t{0});
    Rng rng(1);
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      // Also for rounds of an earlier run: the next one continues the order.
      for (std::size_t i = trained_; i > 1; --i) std::swap(order[i - 1], order[rng.next_below(i)]);
      if (round < state.rounds) continue;
      for (const auto& t : tensors_) t->restore();
      for (std::size_t n = 0; n < trained_; ++n) {
        if (options_.begin) options_.begin(round * trained_ + n, options_.rounds * trained_);
        MOTE_TRY(learn(trained_window(order[n]), state.rate * share_of(n, trained_), n + 1));
      }
      MOTE_ASSIGN(const double loss, held_out_loss());
      state.rounds = round + 1;
      if (loss < state.after) {
        state.after = loss;
        for (const auto& t : tensors_) t->keep();
      } else {
        state.rate /= 2;
      }
      MOTE_TRY(keep(state));
    }
    for (std::size_t i = 0; i < new_.size(); ++i) {
      if (new_[i].blocks.empty()) continue;
      tensors_[i]->restore();
      std::vector<std::byte> stored(new_[i].blocks.size());
      tensors_[i]->store(stored);
      tensors_[i].reset();
      new_[i].blocks = std::move(stored);
    }
    return TuningResult{state.before, state.after};
  }

 private:
  // Where an earlier run stood, or the beginning.
  Result<TuningState> start() {
    if (options_.from && take_factors(options_.from->factors)) {
      TuningState state = *options_.from;
      state.factors = {};
      return state;
    }
    TuningState state;
    state.rate = options_.rate;
    MOTE_ASSIGN(state.before, held_out_loss());
    state.after = state.before;
    for (const auto& t : tensors_) t->keep();
    return state;
  }
  [[nodiscard]] bool take_factors(std::span<const float> factors) {
    for (const auto& t : tensors_) {
      if (!t->take_kept(factors)) return false;
    }
    return factors.empty();
  }
  Result<void> keep(TuningState& state) const {
    if (!options_.keep) return {};
    state.factors.clear();
    for (const auto& t : tensors_) {
      const std::vector<float> kept = t->kept();
      state.factors.insert(state.factors.end(), kept.begin(), kept.end());
    }
    MOTE_TRY(options_.keep(state));
    state.factors = {};
    return {};
  }
  [[nodiscard]] Result<void> go_on() const {
    if (options_.cancel == nullptr || !options_.cancel->requested()) return {};
    return Error{kCancelled, "quantizing stopped", "run the same command again", {}, {}};
  }
  [[nodiscard]] std::size_t windows() const { return tokens_.size() / options_.window; }
  [[nodiscard]] std::span<const TokenId> window(std::size_t w) const {
    return tokens_.subspan(w * options_.window, options_.window);
  }
  // Every tenth window is held out, and the last of fewer.
  [[nodiscard]] bool is_held_out(std::size_t w) const {
    return windows() < kHeldOutOf ? w + 1 == windows() : w % kHeldOutOf == kHeldOutOf - 1;
  }
  [[nodiscard]] std::size_t trained_window(std::size_t i) const {
    return windows() < kHeldOutOf ? i : i + i / (kHeldOutOf - 1);
  }
  // Of the round's rate: rises at first, then falls to 0 as a cosine.
  static double share_of(std::size_t step, std::size_t steps) {
    const double part = static_cast<double>(step) / static_cast<double>(steps);
    const double rise = std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(kWarmUp));
    return rise * 0.5 * (1.0 + std::cos(std::numbers::pi * part));
  }

  Result<void> open() {
    MOTE_ASSIGN(teacher_, Teacher::create(runtime_, model_, options_.window));
    for (std::size_t w = 0; w < windows(); ++w) {
      MOTE_TRY(go_on());
      teacher_->add(window(w));
      if (!is_held_out(w)) ++trained_;
    }
    for (std::size_t i = 0; i < source_.tensors().size(); ++i) {
      const formats::TensorInfo& info = source_.tensors()[i];
      if (new_[i].blocks.empty()) {
        MOTE_ASSIGN(QuantizedTensor in, source_.read(i));
        tensors_.push_back(std::make_unique<TunedTensor>(in.codec, info.shape, in.blocks(), false));
        read_.push_back(std::move(in));
      } else {
        tensors_.push_back(
            std::make_unique<TunedTensor>(new_[i].type, info.shape, new_[i].blocks, new_[i].learns));
      }
    }
    embedding_ = *source_.find(model::gguf_name(Role::token_embd));
    head_tensor_ = *source_.find(model::head_name(spec_));
    for (std::uint32_t b = 0; b < spec_.blocks; ++b) places_.push_back(places_of(b));
    std::array<std::size_t, grad::kBlockMatrices> largest{};
    for (const Places& places : places_) {
      for (std::size_t m = 0; m < places.size(); ++m) {
        largest[m] = std::max(largest[m], places[m].rows * cols_of(places[m].tensor));
      }
    }
    for (std::size_t m = 0; m < largest.size(); ++m) floats_[m].resize(largest[m]);
    head_floats_.resize(static_cast<std::size_t>(spec_.vocab) * spec_.width);
    hidden_.resize((std::size_t{spec_.blocks} + 1) * options_.window * spec_.width);
    gradient_.resize(options_.window * spec_.width);
    return {};
  }

  [[nodiscard]] std::size_t cols_of(std::size_t tensor) const {
    return source_.tensors()[tensor].shape.cols();
  }

  // Fused tensors hold q, k and v, or gate and up, one after the other.
  [[nodiscard]] Places places_of(std::uint32_t block) const {
    Places out;
    const auto set = [&](BlockMatrix which, Role role, std::size_t first, std::size_t rows) {
      const auto found = source_.find(model::gguf_name(role, block));
      out[static_cast<std::size_t>(which)] = {found.value_or(0), first, rows};
    };
    const std::size_t q = spec_.q_width();
    const std::size_t kv = spec_.kv_width();
    const bool fused = spec_.fused_qkv;
    set(BlockMatrix::q, fused ? Role::attn_qkv : Role::attn_q, 0, q);
    set(BlockMatrix::k, fused ? Role::attn_qkv : Role::attn_k, fused ? q : 0, kv);
    set(BlockMatrix::v, fused ? Role::attn_qkv : Role::attn_v, fused ? q + kv : 0, kv);
    set(BlockMatrix::attn_output, Role::attn_output, 0, spec_.width);
    if (spec_.gated)
      set(BlockMatrix::gate, spec_.fused_gate_up ? Role::ffn_up : Role::ffn_gate, 0, spec_.hidden);
    set(BlockMatrix::up, Role::ffn_up, spec_.fused_gate_up ? spec_.hidden : 0, spec_.hidden);
    set(BlockMatrix::down, Role::ffn_down, 0, spec_.width);
    return out;
  }

  void decode(const Place& place, float* out) {
    const TunedTensor& tensor = *tensors_[place.tensor];
    const std::size_t cols = cols_of(place.tensor);
    runtime_.pool().parallel_for(place.rows, kRowsAtOnce, [&](std::size_t begin, std::size_t end) {
      tensor.decode(place.first + begin, end - begin, out + begin * cols);
    });
  }

  const grad::BlockMatrices& matrices_of(std::size_t block) {
    for (std::size_t m = 0; m < grad::kBlockMatrices; ++m) {
      const Place& place = places_[block][m];
      matrices_[m] = {floats_[m].data(), place.rows, cols_of(place.tensor)};
      if (place.rows > 0) decode(place, floats_[m].data());
    }
    return matrices_;
  }

  float* hidden(std::size_t block) { return hidden_.data() + block * options_.window * spec_.width; }

  Result<void> forward(std::span<const TokenId> tokens) {
    const std::size_t width = spec_.width;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      float* const row = hidden(0) + t * width;
      tensors_[embedding_]->decode(static_cast<std::size_t>(tokens[t]), 1, row);
      runtime_.kernels().scale(row, static_cast<float>(spec_.embedding_scale), row, width);
    }
    for (std::size_t b = 0; b < spec_.blocks; ++b) {
      MOTE_TRY(go_on());
      block_.forward(b, weights_.blocks[b], matrices_of(b), hidden(b), hidden(b + 1));
    }
    decode({head_tensor_, 0, spec_.vocab}, head_floats_.data());
    return {};
  }

  double lose(std::size_t w, float* gradient, const grad::TakeRows* take) {
    const grad::TeacherLogits teacher = [&](std::size_t first, std::size_t count, float* out) {
      teacher_->logits(w, first, count, out);
    };
    const grad::Matrix head{head_floats_.data(), spec_.vocab, spec_.width};
    return head_.run(weights_.output_norm, head, hidden(spec_.blocks), options_.window, teacher, gradient,
                     take);
  }

  Result<double> held_out_loss() {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t w = 0; w < windows(); ++w) {
      if (!is_held_out(w)) continue;
      MOTE_TRY(forward(window(w)));
      sum += lose(w, nullptr, nullptr);
      count += options_.window;
    }
    return sum / static_cast<double>(count);
  }

  Result<void> learn(std::size_t w, double rate, std::size_t number) {
    const std::span<const TokenId> tokens = window(w);
    MOTE_TRY(forward(tokens));
    const auto take_head = [&](std::size_t first, std::size_t count, const float* rows) {
      tensors_[head_tensor_]->take(first, count, rows);
    };
    const grad::TakeRows of_head = take_head;
    lose(w, gradient_.data(), tensors_[head_tensor_]->is_tuned() ? &of_head : nullptr);
    for (std::size_t b = spec_.blocks; b-- > 0;) {
      MOTE_TRY(go_on());
      const grad::TakeBlockRows take = [&](BlockMatrix which, std::size_t first, std::size_t count,
                                           const float* rows) {
        const Place& place = places_[b][static_cast<std::size_t>(which)];
        tensors_[place.tensor]->take(place.first + first, count, rows);
      };
      block_.forward(b, weights_.blocks[b], matrices_of(b), hidden(b), hidden(b + 1));
      block_.backward(gradient_.data(), &take);
    }
    const auto scale = static_cast<float>(spec_.embedding_scale);
    runtime_.kernels().scale(gradient_.data(), scale, gradient_.data(), gradient_.size());
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      tensors_[embedding_]->take(static_cast<std::size_t>(tokens[t]), 1, gradient_.data() + t * spec_.width);
    }
    runtime_.pool().parallel_for(tensors_.size(), 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) tensors_[i]->step({rate, number});
    });
    return {};
  }

  engine::Runtime& runtime_;
  const model::ModelSpec& spec_;
  const engine::Weights& weights_;
  const formats::TensorSource& source_;
  const engine::LoadedModel& model_;
  std::span<const TokenId> tokens_;
  const TuningOptions& options_;
  std::vector<NewTensor>& new_;
  grad::BlockGradient block_;
  grad::HeadGradient head_;
  std::unique_ptr<Teacher> teacher_;
  std::size_t trained_ = 0;  // windows that are not held out
  std::vector<QuantizedTensor> read_;
  std::vector<std::unique_ptr<TunedTensor>> tensors_;
  std::vector<Places> places_;
  std::size_t embedding_ = 0;
  std::size_t head_tensor_ = 0;
  std::array<std::vector<float>, grad::kBlockMatrices> floats_;  // of the block that is due
  grad::BlockMatrices matrices_;
  std::vector<float> head_floats_;
  std::vector<float> hidden_;  // [blocks + 1][window][width]
  std::vector<float> gradient_;
};

}  // namespace

std::optional<std::uint64_t> tuning_bytes(const model::ModelSpec& spec, const TuningSize& size) {
  const engine::KvShape shape{spec.blocks, spec.kv_heads,       spec.head_dim,
                              size.window, engine::KvType::f32, engine::KvType::f32};
  const auto cache = shape.bytes();
  const auto scratch = engine::Forward::scratch_bytes(spec, size.window, size.window, size.threads);
  const auto block = grad::block_gradient_bytes(spec, size.window, size.threads);
  const auto head = grad::head_gradient_bytes(spec, size.window, size.threads);
  if (!cache || !scratch || !block || !head) return std::nullopt;
  const Checked states = Checked(size.window) * spec.width * (Checked(size.windows) + spec.blocks + 2);
  const Checked floats = states + Checked(spec.vocab) * spec.width + size.block_elements;
  // Of TunedTensor; and between rounds what goes to the log, twice while it is written.
  constexpr std::uint64_t kPerFactor = (5 + 2) * sizeof(float);
  return (floats * sizeof(float) + Checked(size.factors) * kPerFactor + size.encoded_bytes + *cache +
          *scratch + *block + *head)
      .value();
}

Result<TuningResult> tune_factors(engine::Runtime& runtime, const engine::LoadedModel& model,
                                  std::span<const TokenId> tokens, const TuningOptions& options,
                                  std::vector<NewTensor>& tensors) {
  const std::size_t windows = tokens.size() / options.window;
  if (windows < 2) {
    return Error{calibrate::kCalibrationShort,
                 "tuning needs two windows of " + with_thousands(options.window) +
                     " tokens at least, and got " + with_thousands(windows),
                 "give more text, or use --effort standard",
                 {},
                 {}};
  }
  try {
    return Job(runtime, model, tokens.first(windows * options.window), options, tensors).run();
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

}  // namespace mote::quantize
