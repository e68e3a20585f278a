#include "engine/experts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/checked.h"

namespace mote::engine {
namespace {

constexpr std::size_t kBuffers = 11;

struct Layout {
  std::array<std::uint64_t, kBuffers> offset{};
  std::uint64_t total = 0;
};

std::optional<Layout> plan_layout(const model::ModelSpec& spec, std::size_t batch) {
  const model::ExpertSpec& e = spec.experts;
  const Checked slots = Checked(batch) * e.used;
  if (!slots.value()) return std::nullopt;
  const std::size_t widest = std::max<std::size_t>({spec.width, e.hidden, e.shared_hidden});
  const std::size_t rows = std::max<std::size_t>(*slots.value(), batch);
  const std::array<Checked, kBuffers> bytes{
      Checked(batch) * e.count * 4,
      slots * 4,
      slots * spec.width * 4,
      slots * e.hidden * 4,
      slots * e.hidden * 4,
      slots * spec.width * 4,
      Checked(batch) * e.shared_hidden * 4,
      Checked(batch) * e.shared_hidden * 4,
      Checked(batch) * (e.shared_hidden > 0 ? spec.width : 0) * 4,
      Checked(batch) * 4,
      Checked(kernels::activation_scratch_bytes(rows, widest)) + 3 * AlignedBuffer::kAlignment};
  Layout layout;
  Checked total = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!total.value()) return std::nullopt;
    layout.offset[i] = *total.value();
    total = (total + bytes[i]).aligned_up(AlignedBuffer::kAlignment);
  }
  if (!total.value()) return std::nullopt;
  layout.total = *total.value();
  return layout;
}

void show(const Tap& tap, std::size_t layer, BlockInput input, std::size_t expert,
          const kernels::Activations& a) {
  if (tap) tap({layer, input, expert, a.cols, {a.values, a.n * a.cols}});
}

}  // namespace

void choose_experts(std::span<float> logits, bool normalize, std::span<std::uint32_t> chosen,
                    std::span<float> weights) {
  constexpr float kTaken = -std::numeric_limits<float>::infinity();
  float largest = kTaken;
  for (const float x : logits) largest = std::max(largest, x);
  float sum = 0;
  for (float& x : logits) {
    x = std::exp(x - largest);  // not negative
    sum += x;
  }
  float taken = 0;
  for (std::size_t r = 0; r < chosen.size(); ++r) {
    std::size_t best = logits.size();
    for (std::size_t e = 0; e < logits.size(); ++e) {
      if (logits[e] == kTaken) continue;
      if (best == logits.size() || logits[e] > logits[best]) best = e;
    }
    chosen[r] = static_cast<std::uint32_t>(best);
    weights[r] = logits[best] / sum;
    taken += weights[r];
    logits[best] = kTaken;
  }
  if (!normalize) return;
  for (float& weight : weights) weight /= taken;
}

std::optional<std::uint64_t> Experts::scratch_bytes(const model::ModelSpec& spec, std::size_t batch) {
  if (spec.experts.count == 0) return 0;
  const auto layout = plan_layout(spec, batch);
  if (!layout) return std::nullopt;
  return layout->total;
}

std::unique_ptr<Experts> Experts::create(Runtime& runtime, const model::ModelSpec& spec, Products& products,
                                         std::size_t batch) {
  std::unique_ptr<Experts> out(new Experts(runtime, spec, products));
  const auto layout = plan_layout(spec, batch);
  if (!layout) return nullptr;
  out->buffer_ = AlignedBuffer(layout->total);
  if (out->buffer_.size() == 0) return nullptr;
  const std::array<float**, kBuffers - 1> parts{
      &out->logits_, &out->weights_,     &out->input_rows_, &out->gate_,       &out->up_,
      &out->out_,    &out->shared_gate_, &out->shared_up_,  &out->shared_out_, &out->shared_weight_};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    *parts[i] = reinterpret_cast<float*>(out->buffer_.data() + layout->offset[i]);
  }
  out->codes_ = out->buffer_.data() + layout->offset[parts.size()];
  const std::size_t slots = batch * spec.experts.used;
  out->chosen_.resize(slots);
  out->slot_.resize(slots);
  out->token_.resize(slots);
  out->first_.resize(spec.experts.count + 1);
  out->inputs_.reserve(spec.experts.count);
  out->gated_.reserve(spec.experts.count);
  out->down_.reserve(spec.experts.count);
  return out;
}

void Experts::run(const BlockWeights& block, std::size_t layer, const kernels::Activations& input, float* y,
                  const Tap& tap) {
  const std::size_t n = input.n;
  const std::size_t hidden = spec_->experts.hidden;
  const std::size_t width = spec_->width;
  route(block, input);
  assign_slots(n);
  gather(block, input);
  inputs_.clear();
  gated_.clear();
  down_.clear();
  for (std::size_t e = 0; e < spec_->experts.count; ++e) {
    const std::size_t first = first_[e];
    const std::size_t count = first_[e + 1] - first;
    if (count == 0) continue;
    // One token's experts all read the same row, which needs no copy.
    inputs_.push_back(n == 1 ? input : rows_of(gathered_, first, count));
    show(tap, layer, BlockInput::expert, e, inputs_.back());
    gated_.push_back(
        {&block.experts[e], &inputs_.back(), gate_ + first * hidden, up_ + first * hidden, hidden});
  }
  products_->multiply_gated(gated_, spec_->activation);

  const std::size_t slots = n * spec_->experts.used;
  quantize(gate_, hidden, slots, block.experts[0].down.matrix.integer);
  std::size_t active = 0;
  for (std::size_t e = 0; e < spec_->experts.count; ++e) {
    const std::size_t first = first_[e];
    const std::size_t count = first_[e + 1] - first;
    if (count == 0) continue;
    inputs_[active] = rows_of(gathered_, first, count);
    show(tap, layer, BlockInput::expert_down, e, inputs_[active]);
    down_.push_back({&block.experts[e].down, &inputs_[active], out_ + first * width, width});
    ++active;
  }
  products_->multiply(down_);
  if (spec_->experts.shared_hidden > 0) run_shared(block, layer, input, tap);
  combine(block, n, y);
}

void Experts::route(const BlockWeights& block, const kernels::Activations& input) {
  const model::ExpertSpec& experts = spec_->experts;
  const std::array<Product, 2> products{
      {{&block.router, &input, logits_, experts.count}, {&block.shared_router, &input, shared_weight_, 1}}};
  products_->multiply(std::span(products).first(block.shared_router.matrix.rows > 0 ? 2 : 1));
  for (std::size_t t = 0; t < input.n; ++t) {
    choose_experts({logits_ + t * experts.count, experts.count}, experts.normalize,
                   std::span(chosen_).subspan(t * experts.used, experts.used),
                   {weights_ + t * experts.used, experts.used});
  }
}

void Experts::assign_slots(std::size_t n) {
  const std::size_t used = spec_->experts.used;
  std::ranges::fill(first_, 0);
  for (std::size_t i = 0; i < n * used; ++i) ++first_[chosen_[i] + 1];
  for (std::size_t e = 1; e < first_.size(); ++e) first_[e] += first_[e - 1];
  // first_[e] counts up to the end of expert e here, and is moved back below.
  for (std::size_t i = 0; i < n * used; ++i) {
    slot_[i] = first_[chosen_[i]]++;
    token_[slot_[i]] = static_cast<std::uint32_t>(i / used);
  }
  for (std::size_t e = first_.size() - 1; e > 0; --e) first_[e] = first_[e - 1];
  first_[0] = 0;
}

void Experts::gather(const BlockWeights& block, const kernels::Activations& input) {
  const std::size_t cols = input.cols;
  const std::size_t slots = input.n * spec_->experts.used;
  if (input.n == 1) return;
  const bool integer = block.experts[0].gate.matrix.integer || block.experts[0].up.matrix.integer;
  const bool plain = !block.experts[0].gate.matrix.integer || !block.experts[0].up.matrix.integer;
  gathered_ = {
      .n = slots, .cols = cols, .values = input_rows_, .codes = nullptr, .scales = nullptr, .sums = nullptr};
  kernels::bind_activation_scratch(gathered_, codes_);
  const std::size_t chunk = std::max<std::size_t>(1, slots / (runtime_->pool().size() * 4));
  runtime_->pool().parallel_for(slots, chunk, [&](std::size_t begin, std::size_t end) {
    for (std::size_t s = begin; s < end; ++s) {
      const std::size_t t = token_[s];
      if (plain) std::copy_n(input.values + t * cols, cols, input_rows_ + s * cols);
      if (!integer) continue;
      std::copy_n(input.codes + t * cols, cols, gathered_.codes + s * cols);
      std::copy_n(input.scales + t * (cols / 32), cols / 32, gathered_.scales + s * (cols / 32));
      std::copy_n(input.sums + t * (cols / 16), cols / 16, gathered_.sums + s * (cols / 16));
    }
  });
}

void Experts::quantize(const float* values, std::size_t cols, std::size_t rows, bool wanted) {
  gathered_ = {
      .n = rows, .cols = cols, .values = values, .codes = nullptr, .scales = nullptr, .sums = nullptr};
  kernels::bind_activation_scratch(gathered_, codes_);
  if (!wanted) return;
  const std::size_t chunk = std::max<std::size_t>(1, rows / (runtime_->pool().size() * 4));
  runtime_->pool().parallel_for(rows, chunk, [&](std::size_t begin, std::size_t end) {
    kernels::quantize_activations(*kernels_, gathered_, begin, end);
  });
}

kernels::Activations Experts::rows_of(const kernels::Activations& a, std::size_t first,
                                      std::size_t count) const {
  return {.n = count,
          .cols = a.cols,
          .values = a.values + first * a.cols,
          .codes = a.codes + first * a.cols,
          .scales = a.scales + first * (a.cols / 32),
          .sums = a.sums + first * (a.cols / 16)};
}

void Experts::run_shared(const BlockWeights& block, std::size_t layer, const kernels::Activations& input,
                         const Tap& tap) {
  const std::size_t hidden = spec_->experts.shared_hidden;
  const std::array<GatedProduct, 1> gated{{{&block.shared, &input, shared_gate_, shared_up_, hidden}}};
  products_->multiply_gated(gated, spec_->activation);
  quantize(shared_gate_, hidden, input.n, block.shared.down.matrix.integer);
  show(tap, layer, BlockInput::shared_down, 0, gathered_);
  const std::array<Product, 1> down{{{&block.shared.down, &gathered_, shared_out_, spec_->width}}};
  products_->multiply(down);
}

void Experts::combine(const BlockWeights& block, std::size_t n, float* y) {
  const std::size_t width = spec_->width;
  const std::size_t used = spec_->experts.used;
  const auto add_token = [&](std::size_t t) {
    float* sum = y + t * width;
    std::fill_n(sum, width, 0.0F);
    for (std::size_t r = t * used; r < (t + 1) * used; ++r) {
      kernels_->add_scaled(sum, out_ + slot_[r] * width, weights_[r], sum, width);
    }
    if (spec_->experts.shared_hidden == 0) return;
    const bool gate = block.shared_router.matrix.rows > 0;
    const float weight = gate ? 1.0F / (1.0F + std::exp(-shared_weight_[t])) : 1.0F;
    kernels_->add_scaled(sum, shared_out_ + t * width, weight, sum, width);
  };
  if (n == 1) {
    add_token(0);
    return;
  }
  const std::size_t chunk = std::max<std::size_t>(1, n / (runtime_->pool().size() * 4));
  runtime_->pool().parallel_for(n, chunk, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) add_token(t);
  });
}

}  // namespace mote::engine
