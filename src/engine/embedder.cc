#include "engine/embedder.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/memory_plan.h"
#include "engine/session.h"

namespace mote::engine {

Result<std::unique_ptr<Embedder>> Embedder::create(Runtime& runtime, std::shared_ptr<const LoadedModel> model,
                                                   std::size_t context) {
  const model::ModelSpec& spec = model->spec();
  SessionOptions options;
  options.context = context;
  if (!spec.causal) {
    const std::size_t most =
        spec.learned_positions ? std::min<std::size_t>(spec.context, kMaxBatch) : kMaxBatch;
    if (context > most) {
      return Error{.code = kSessionOption,
                   .message = "cannot embed: context is " + std::to_string(context) + ", expected at most " +
                              std::to_string(most),
                   .hint = "the model takes no longer texts; split them",
                   .file = {},
                   .byte_position = {}};
    }
    if (context == 0) options.context = std::min<std::size_t>(spec.context, most);
    options.batch = std::max<std::size_t>(options.context, 1);
  }
  MOTE_ASSIGN(const SessionPlan plan, plan_session(spec, model->activations(), options));
  MOTE_ASSIGN(const MemoryPlan memory, plan_memory(*model, options));
  MOTE_TRY(check_memory("embed", memory, memory.kv + memory.scratch, runtime.memory_available_bytes()));
  std::unique_ptr<Embedder> out(new Embedder(std::move(model)));
  out->context_ = plan.kv.context;
  out->batch_ = plan.batch;
  out->cache_ = KvCache::create(plan.kv, runtime.kernels());
  out->forward_ =
      Forward::create(runtime, out->model_->spec(), out->model_->weights(), plan.batch, plan.kv.context);
  if (!out->cache_ || out->forward_ == nullptr) {
    return Error{
        .code = kModelMemory,
        .message = "cannot embed: no memory for " + std::to_string(memory.kv + memory.scratch) + " bytes",
        .hint = "ask for a shorter context",
        .file = {},
        .byte_position = {}};
  }
  return out;
}

Result<std::vector<float>> Embedder::embed(std::span<const TokenId> tokens, model::Pooling pooling,
                                           const CancelToken* cancel) {
  MOTE_TRY(check_tokens(tokens, model_->vocab(), 0, context_));
  const std::size_t width = model_->spec().width;
  std::vector<double> sum(width, 0.0);
  for (std::size_t done = 0; done < tokens.size(); done += batch_) {
    if (cancel != nullptr && cancel->requested()) {
      return Error{.code = kCancelled,
                   .message = "cancelled by the caller",
                   .hint = {},
                   .file = {},
                   .byte_position = {}};
    }
    const std::size_t n = std::min(batch_, tokens.size() - done);
    const Slice slice{.cache = &*cache_, .first = done, .n = n};
    forward_->embed(tokens.subspan(done, n), {&slice, 1});
    forward_->run(0, model_->spec().blocks, {&slice, 1});
    const std::span<const float> states = forward_->normalized(0, n);
    for (std::size_t t = 0; t < n; ++t) {
      if (pooling == model::Pooling::cls && done + t > 0) break;
      for (std::size_t i = 0; i < width; ++i) sum[i] += static_cast<double>(states[t * width + i]);
    }
  }
  double length = 0;
  for (const double x : sum) length += x * x;
  length = std::sqrt(length);
  std::vector<float> out(width, 0.0F);
  // A sum is as good as a mean, since the length is divided out; nothing has no direction.
  for (std::size_t i = 0; i < width && length > 0; ++i) out[i] = static_cast<float>(sum[i] / length);
  return out;
}

}  // namespace mote::engine
