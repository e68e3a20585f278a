#include "engine/session.h"

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/memory_plan.h"

namespace mote::engine {
namespace {

// Rows of logits that one call of a sink gets: 64 rows of a large vocabulary (150,000) are 38 MB.
constexpr std::size_t kSinkRows = 64;

Error out_of_memory(std::string_view what, std::uint64_t bytes) {
  return {.code = kOutOfMemory,
          .message = "cannot " + std::string(what) + ": no memory for " + std::to_string(bytes) + " bytes",
          .hint = "ask for a shorter context or a smaller batch",
          .file = {},
          .byte_position = {}};
}

}  // namespace

struct Session::State {
  std::unique_ptr<Forward> forward;
  std::optional<KvCache> cache;
  std::size_t batch = 0;
  AlignedBuffer rows;  // logits; one row from the start, grown where more are wanted

  Result<void> make_room(std::size_t floats) {
    const std::size_t bytes = floats * sizeof(float);
    if (bytes <= rows.size()) return {};
    rows = AlignedBuffer();
    rows = AlignedBuffer(bytes);
    if (rows.size() == 0) return out_of_memory("compute logits", bytes);
    return {};
  }
};

Session::Session(Runtime& runtime, std::shared_ptr<const LoadedModel> model)
    : runtime_(&runtime), model_(std::move(model)), state_(std::make_unique<State>()) {}

Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::create(Runtime& runtime, std::shared_ptr<const LoadedModel> model,
                                                 const SessionOptions& options) {
  const model::ModelSpec& spec = model->spec();
  if (!spec.has_head()) {
    return Error{.code = kSessionOption,
                 .message = "cannot open a session: the model is an encoder, which has no logits",
                 .hint = "use mote embed",
                 .file = {},
                 .byte_position = {}};
  }
  MOTE_ASSIGN(const SessionPlan plan, plan_session(spec, model->activations(), options));
  MOTE_ASSIGN(const MemoryPlan memory, plan_memory(model->model(), model->activations(), options));
  MOTE_TRY(
      check_memory("open a session", memory, memory.kv + memory.scratch, runtime.memory_available_bytes()));
  std::unique_ptr<Session> out(new Session(runtime, std::move(model)));
  State& state = *out->state_;
  out->context_ = plan.kv.context;
  out->key_type_ = plan.kv.key_type;
  out->value_type_ = plan.kv.value_type;
  state.batch = plan.batch;
  state.cache = KvCache::create(plan.kv, runtime.kernels());
  if (!state.cache) return out_of_memory("open a session", memory.kv);
  state.forward = Forward::create(runtime, spec, out->model_->weights(), plan.batch, plan.kv.context);
  MOTE_TRY(state.make_room(spec.vocab));
  if (state.forward == nullptr) return out_of_memory("open a session", memory.scratch);
  try {
    out->tokens_.reserve(std::min<std::size_t>(plan.kv.context, std::size_t{1} << 20U));
  } catch (const std::bad_alloc&) {
    return out_of_memory("open a session", plan.kv.context * sizeof(TokenId));
  }
  return out;
}

Result<void> check_tokens(std::span<const TokenId> tokens, std::size_t vocab, std::size_t position,
                          std::size_t context) {
  if (tokens.size() > context - position) {
    return Error{.code = kCtxFull,
                 .message = "cannot add " + std::to_string(tokens.size()) + " tokens to " +
                            std::to_string(position) + ": the context holds " + std::to_string(context),
                 .hint = "shorten the input or open the session with a larger context",
                 .file = {},
                 .byte_position = {}};
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && static_cast<std::size_t>(tokens[i]) < vocab) continue;
    return Error{.code = kTokenId,
                 .message = "cannot use token " + std::to_string(tokens[i]) + " at index " +
                            std::to_string(i) + ", expected 0 to " + std::to_string(vocab - 1),
                 .hint = "the tokens come from another model's tokenizer",
                 .file = {},
                 .byte_position = {}};
  }
  return {};
}

Result<void> Session::check_tokens(std::span<const TokenId> tokens) const {
  return engine::check_tokens(tokens, model_->vocab(), tokens_.size(), context_);
}

Result<void> Session::feed_batches(std::span<const TokenId> tokens, const CancelToken* cancel,
                                   AfterBatch after) {
  MOTE_TRY(check_tokens(tokens));
  const std::size_t start = tokens_.size();
  for (std::size_t done = 0; done < tokens.size();) {
    if (cancel != nullptr && cancel->requested()) {
      tokens_.resize(start);
      return Error{.code = kCancelled,
                   .message = "cancelled by the caller",
                   .hint = {},
                   .file = {},
                   .byte_position = {}};
    }
    const std::size_t n = std::min(state_->batch, tokens.size() - done);
    const std::span<const TokenId> batch = tokens.subspan(done, n);
    state_->forward->embed(batch, start + done);
    state_->forward->run(0, model_->spec().blocks, n, start + done, *state_->cache);
    tokens_.insert(tokens_.end(), batch.begin(), batch.end());
    Result<void> result = after(done, n);
    if (!result) {
      tokens_.resize(start);
      return result;
    }
    done += n;
  }
  return {};
}

Result<void> Session::feed_rows(std::span<const TokenId> tokens, std::size_t first_wanted,
                                const RowSink& sink, const CancelToken* cancel) {
  const std::size_t vocab = model_->vocab();
  return feed_batches(tokens, cancel, [&](std::size_t done, std::size_t n) -> Result<void> {
    std::size_t row = std::max(done, std::min(first_wanted, done + n));
    while (row < done + n) {
      const std::size_t count = std::min(kSinkRows, done + n - row);
      MOTE_TRY(state_->make_room(count * vocab));
      state_->forward->logits(row - done, count, state_->rows.as<float>());
      sink(row, std::span<const float>(state_->rows.as<float>(), count * vocab));
      row += count;
    }
    return {};
  });
}

Result<std::span<const float>> Session::feed(std::span<const TokenId> tokens, LogitsWanted wanted,
                                             const CancelToken* cancel) {
  const std::size_t vocab = model_->vocab();
  std::size_t rows = 0;
  if (!tokens.empty() && wanted != LogitsWanted::none) rows = wanted == LogitsWanted::all ? tokens.size() : 1;
  MOTE_TRY(check_tokens(tokens));
  MOTE_TRY(state_->make_room(rows * vocab));
  const std::size_t first_wanted = tokens.size() - rows;
  MOTE_TRY(feed_batches(tokens, cancel, [&](std::size_t done, std::size_t n) -> Result<void> {
    const std::size_t row = std::max(done, std::min(first_wanted, done + n));
    if (row == done + n) return {};
    state_->forward->logits(row - done, done + n - row,
                            state_->rows.as<float>() + (row - first_wanted) * vocab);
    return {};
  }));
  return std::span<const float>(state_->rows.as<float>(), rows * vocab);
}

Result<void> Session::reserve_logits(std::size_t rows) { return state_->make_room(rows * model_->vocab()); }

void Session::truncate(std::size_t position) {
  if (position < tokens_.size()) tokens_.resize(position);
}

Result<std::size_t> Session::reuse_prefix(std::span<const TokenId> tokens) {
  const std::size_t most = std::min(tokens.size(), tokens_.size());
  std::size_t shared = 0;
  while (shared < most && tokens[shared] == tokens_[shared]) ++shared;
  if (shared == tokens.size() && shared > 0) --shared;
  truncate(shared);
  return shared;
}

}  // namespace mote::engine
