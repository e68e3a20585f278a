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
  return {.code = kModelMemory,
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
  AlignedBuffer last_row;  // [vocab]
  AlignedBuffer rows;      // grown where more rows are wanted
};

Session::Session(Runtime& runtime, std::shared_ptr<const LoadedModel> model)
    : runtime_(&runtime), model_(std::move(model)), state_(std::make_unique<State>()) {}

Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::create(Runtime& runtime, std::shared_ptr<const LoadedModel> model,
                                                 const SessionOptions& options) {
  const model::ModelSpec& spec = model->spec();
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
  state.last_row = AlignedBuffer(std::size_t{spec.vocab} * sizeof(float));
  if (state.forward == nullptr || state.last_row.size() == 0)
    return out_of_memory("open a session", memory.scratch);
  try {
    out->tokens_.reserve(std::min<std::size_t>(plan.kv.context, std::size_t{1} << 20U));
  } catch (const std::bad_alloc&) {
    return out_of_memory("open a session", plan.kv.context * sizeof(TokenId));
  }
  return out;
}

Result<void> Session::feed_rows(std::span<const TokenId> tokens, std::size_t first_wanted, RowSink sink,
                                const CancelToken* cancel) {
  const std::size_t start = tokens_.size();
  if (tokens.size() > context_ - start) {
    return Error{.code = kCtxFull,
                 .message = "cannot add " + std::to_string(tokens.size()) + " tokens to " +
                            std::to_string(start) + ": the context holds " + std::to_string(context_),
                 .hint = "shorten the input or open the session with a larger context",
                 .file = {},
                 .byte_position = {}};
  }
  const std::size_t vocab = model_->vocab();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && static_cast<std::size_t>(tokens[i]) < vocab) continue;
    return Error{.code = kTokenId,
                 .message = "cannot use token " + std::to_string(tokens[i]) + " at index " +
                            std::to_string(i) + ", expected 0 to " + std::to_string(vocab - 1),
                 .hint = "the tokens come from another model's tokenizer",
                 .file = {},
                 .byte_position = {}};
  }
  const std::size_t layers = model_->spec().blocks;
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
    state_->forward->embed(tokens.subspan(done, n));
    state_->forward->run(0, layers, n, start + done, *state_->cache);
    tokens_.insert(tokens_.end(), tokens.begin() + static_cast<std::ptrdiff_t>(done),
                   tokens.begin() + static_cast<std::ptrdiff_t>(done + n));
    for (std::size_t row = std::max(done, std::min(first_wanted, done + n)); row < done + n;) {
      const std::size_t count = std::min(kSinkRows, done + n - row);
      const std::size_t bytes = count * vocab * sizeof(float);
      AlignedBuffer& buffer = count == 1 ? state_->last_row : state_->rows;
      if (buffer.size() < bytes) {
        buffer = AlignedBuffer();
        buffer = AlignedBuffer(bytes);
        if (buffer.size() == 0) {
          tokens_.resize(start);
          return out_of_memory("compute logits", bytes);
        }
      }
      state_->forward->logits(row - done, count, buffer.as<float>());
      sink(row, std::span<const float>(buffer.as<float>(), count * vocab));
      row += count;
    }
    done += n;
  }
  return {};
}

Result<std::span<const float>> Session::feed(std::span<const TokenId> tokens, LogitsWanted wanted,
                                             const CancelToken* cancel) {
  const std::size_t vocab = model_->vocab();
  std::span<const float> last;
  if (wanted != LogitsWanted::all) {
    const std::size_t first =
        wanted == LogitsWanted::none || tokens.empty() ? tokens.size() : tokens.size() - 1;
    MOTE_TRY(feed_rows(tokens, first, [&](std::size_t, std::span<const float> row) { last = row; }, cancel));
    return last;
  }
  if (tokens.size() <= kSinkRows) {
    MOTE_TRY(feed_rows(tokens, 0, [&](std::size_t, std::span<const float> rows) { last = rows; }, cancel));
    // More than one batch would have overwritten the first rows.
    if (last.size() == tokens.size() * vocab) return last;
    truncate(tokens_.size() - tokens.size());
  }
  AlignedBuffer all(tokens.size() * vocab * sizeof(float));
  if (all.size() == 0) return out_of_memory("compute logits", tokens.size() * vocab * sizeof(float));
  MOTE_TRY(feed_rows(
      tokens, 0,
      [&](std::size_t first, std::span<const float> rows) {
        std::copy(rows.begin(), rows.end(), all.as<float>() + first * vocab);
      },
      cancel));
  state_->rows = std::move(all);
  return std::span<const float>(state_->rows.as<float>(), tokens.size() * vocab);
}

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
