#include "quantize/feedback/memory_needed.h"

#include "base/checked.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"

namespace mote::quantize {
namespace {

// Of one BlockStream.
std::optional<std::uint64_t> stream_bytes(const model::ModelSpec& spec, const FeedbackSize& size) {
  const engine::KvShape shape{spec.blocks, spec.kv_heads,       spec.head_dim,
                              size.window, engine::KvType::f32, engine::KvType::f32};
  const auto cache = shape.bytes();
  const auto scratch = engine::Forward::scratch_bytes(spec, size.window, size.window, size.threads);
  if (!cache || !scratch) return std::nullopt;
  const Checked hidden = Checked(size.windows) * size.window * spec.width * sizeof(float);
  return (hidden + *cache + *scratch).value();
}

}  // namespace

std::optional<std::uint64_t> feedback_bytes(const model::ModelSpec& spec, const FeedbackSize& size) {
  const auto stream = stream_bytes(spec, size);
  if (!stream) return std::nullopt;
  const Checked streams = Checked(*stream) * 2;
  const Checked pairs = Checked(size.largest_cols) * size.largest_cols;
  // Both moments, and the curvature: hessian and coupling as floats, the factor and its transpose.
  const Checked moments = pairs * (2 * sizeof(double) + 2 * sizeof(float) + 2 * sizeof(double));
  // Both moments turn their windows round.
  const Checked turned = Checked(size.largest_cols) * size.window * 4 * sizeof(float);
  return (streams + moments + turned + size.largest_bytes).value();
}

std::optional<std::uint64_t> transform_bytes(const model::ModelSpec& spec, const FeedbackSize& size) {
  const auto stream = stream_bytes(spec, size);
  if (!stream) return std::nullopt;
  const Checked pairs = Checked(size.largest_cols) * size.largest_cols;
  const Checked moments =
      pairs * (sizeof(double) + sizeof(double) + sizeof(float));  // sums, means, as floats
  const Checked turned = Checked(size.largest_cols) * size.window * 2 * sizeof(float);
  return (Checked(*stream) + moments + turned).value();
}

}  // namespace mote::quantize
