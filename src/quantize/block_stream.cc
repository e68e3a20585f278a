#include "quantize/block_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "calibrate/moments.h"

namespace mote::quantize {
namespace {

Error no_memory() { return {kOutOfMemory, "no memory for calibration", "use fewer tokens", {}, {}}; }

}  // namespace

Result<void> BlockStream::open(std::span<const TokenId> tokens) {
  const engine::KvShape shape{spec_.blocks, spec_.kv_heads,      spec_.head_dim,
                              window_,      engine::KvType::f32, engine::KvType::f32};
  auto cache = engine::KvCache::create(shape, runtime_.kernels());
  if (!cache) return no_memory();
  cache_.emplace(std::move(*cache));
  MOTE_TRY(renew());
  hidden_.resize(tokens.size() * spec_.width);
  for (std::size_t w = 0; w < tokens.size() / window_; ++w) {
    const std::array<engine::Slice, 1> slice{slice_of()};
    forward_->embed(tokens.subspan(w * window_, window_), slice);
    store(w);
  }
  return {};
}

Result<void> BlockStream::renew() {
  forward_ = engine::Forward::create(runtime_, spec_, weights_, window_, window_);
  if (forward_ == nullptr) return no_memory();
  return {};
}

std::span<const float> BlockStream::input(std::size_t w, std::size_t block, engine::BlockInput input) {
  load(w);
  const std::array<engine::Slice, 1> slice{slice_of()};
  forward_->run_to(block, input, slice);
  return forward_->input();
}

void BlockStream::finish_from(std::size_t w, std::size_t block, engine::BlockInput input) {
  const std::array<engine::Slice, 1> slice{slice_of()};
  forward_->run_from(block, input, slice);
  store(w);
}

Result<void> BlockStream::pass(std::size_t block) {
  for (std::size_t w = 0; w < windows(); ++w) {
    MOTE_TRY(go_on());
    load(w);
    const std::array<engine::Slice, 1> slice{slice_of()};
    forward_->run(block, block + 1, slice);
    store(w);
  }
  return {};
}

Result<std::vector<double>> BlockStream::head_moments() {
  MOTE_ASSIGN(calibrate::Moments moments, calibrate::Moments::create(runtime_, spec_.width, window_));
  for (std::size_t w = 0; w < windows(); ++w) {
    MOTE_TRY(go_on());
    load(w);
    const std::array<engine::Slice, 1> slice{slice_of()};
    forward_->run(0, spec_.blocks, slice);
    moments.add(forward_->normalized(0, window_));
  }
  return moments.take_mean();
}

Result<void> BlockStream::go_on() const {
  if (cancel_ == nullptr || !cancel_->requested()) return {};
  return Error{kCancelled, "quantizing stopped", "run the same command again", {}, {}};
}

void BlockStream::load(std::size_t w) { std::ranges::copy(of_window(w), forward_->hidden().begin()); }

void BlockStream::store(std::size_t w) {
  std::ranges::copy(forward_->hidden().first(window_ * spec_.width), of_window(w).begin());
}

}  // namespace mote::quantize
