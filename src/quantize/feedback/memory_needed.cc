#include "quantize/feedback/memory_needed.h"

#include "base/checked.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"

namespace mote::quantize {

std::optional<std::uint64_t> feedback_bytes(const model::ModelSpec& spec, const FeedbackSize& size) {
  const engine::KvShape shape{spec.blocks, spec.kv_heads,       spec.head_dim,
                              size.window, engine::KvType::f32, engine::KvType::f32};
  const auto cache = shape.bytes();
  const auto scratch = engine::Forward::scratch_bytes(spec, size.window, size.window, size.threads);
  if (!cache || !scratch) return std::nullopt;
  const Checked hidden = Checked(size.windows) * size.window * spec.width * sizeof(float);
  const Checked streams = (hidden + *cache + *scratch) * 2;
  const Checked pairs = Checked(size.largest_cols) * size.largest_cols;
  // Both moments, and the curvature: hessian and coupling as floats, the factor and its transpose.
  const Checked moments = pairs * (2 * sizeof(double) + 2 * sizeof(float) + 2 * sizeof(double));
  // Both moments turn their windows round.
  const Checked turned = Checked(size.largest_cols) * size.window * 4 * sizeof(float);
  return (streams + moments + turned + size.largest_bytes).value();
}

}  // namespace mote::quantize
