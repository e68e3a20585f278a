#include "engine/session.h"

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "base/checked.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/memory_plan.h"
#include "engine/prefix_blocks.h"
#include "engine/prefix_identity.h"
#include "engine/rope.h"
#include "engine/slice.h"

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

namespace {

bool has_long_divisors(const model::ModelSpec& spec, std::size_t context) {
  return engine::has_long_divisors(spec.rope, context) || engine::has_long_divisors(spec.local_rope, context);
}

// Empty where prefixes are kept in memory, or not at all.
std::string identity_for_files(Runtime& runtime, const LoadedModel& model, const KvShape& shape,
                               const SessionOptions& options) {
  PrefixStore* store = options.prefix_cache == nullptr ? nullptr : options.prefix_cache->blocks().store();
  if (store == nullptr) return std::string();
  const Result<std::string> identity =
      prefix_identity(runtime, model, shape, has_long_divisors(model.spec(), shape.context), *store);
  if (identity) return *identity;
  runtime.log("beginnings of texts are not kept in files: " + format_error(identity.error()));
  return {};
}

}  // namespace

// What sessions created together have in common.
struct Session::Shared {
  std::unique_ptr<Forward> forward;
  std::size_t batch = 0;
  AlignedBuffer rows;  // logits; one row from the start, grown where more are wanted
  // Of one batch, with room for the largest.
  std::vector<Slice> slices;
  std::vector<TokenId> tokens;
  std::vector<std::size_t> wanted_rows;

  Result<void> make_room(std::size_t floats) {
    const std::size_t bytes = floats * sizeof(float);
    if (bytes <= rows.size()) return {};
    rows = AlignedBuffer();
    rows = AlignedBuffer(bytes);
    if (rows.size() == 0) return out_of_memory("compute logits", bytes);
    return {};
  }
};

struct Session::State {
  std::shared_ptr<Shared> shared;
  std::optional<KvCache> cache;
  std::shared_ptr<PrefixCache> prefix_cache;
  PrefixBlocks::Space space;
  std::size_t kept_blocks = 0;  // from the beginning on, that the prefix cache was given or gave
};

Session::Session(Runtime& runtime, std::shared_ptr<const LoadedModel> model)
    : runtime_(&runtime), model_(std::move(model)), state_(std::make_unique<State>()) {}

Session::~Session() { keep_prefix(); }

Result<std::vector<std::unique_ptr<Session>>> Session::create_several(
    Runtime& runtime, const std::shared_ptr<const LoadedModel>& model, const SessionOptions& options,
    std::size_t count) {
  const model::ModelSpec& spec = model->spec();
  if (!spec.has_head()) {
    return Error{.code = kSessionOption,
                 .message = "cannot open a session: the model is an encoder, which has no logits",
                 .hint = "use mote embed",
                 .file = {},
                 .byte_position = {}};
  }
  MOTE_ASSIGN(const SessionPlan plan, plan_session(spec, model->activations(), options, count));
  MOTE_ASSIGN(const MemoryPlan memory, plan_memory(*model, options, count));
  const std::uint64_t needed = memory.kv + memory.scratch;
  MOTE_TRY(check_memory("open a session", memory, needed, runtime.memory_available_bytes()));
  try {
    const std::string identity = identity_for_files(runtime, *model, plan.kv, options);
    auto shared = std::make_shared<Shared>();
    shared->batch = plan.batch;
    shared->slices.reserve(std::min(count, plan.batch));
    shared->tokens.reserve(plan.batch);
    shared->wanted_rows.reserve(plan.batch);
    shared->forward = Forward::create(runtime, spec, model->weights(), plan.batch, plan.kv.context);
    if (shared->forward == nullptr) return out_of_memory("open a session", memory.scratch);
    MOTE_TRY(shared->make_room(spec.vocab));
    std::vector<std::unique_ptr<Session>> out;
    for (std::size_t i = 0; i < count; ++i) {
      std::unique_ptr<Session> session(new Session(runtime, model));
      session->context_ = plan.kv.context;
      session->key_type_ = plan.kv.key_type;
      session->value_type_ = plan.kv.value_type;
      session->state_->shared = shared;
      session->state_->cache = KvCache::create(plan.kv, runtime.kernels());
      if (!session->state_->cache) return out_of_memory("open a session", memory.kv);
      session->state_->prefix_cache = options.prefix_cache;
      session->state_->space = {.model = model,
                                .key_type = plan.kv.key_type,
                                .value_type = plan.kv.value_type,
                                .long_divisors = has_long_divisors(spec, plan.kv.context),
                                .tenant = options.tenant,
                                .identity = identity};
      session->tokens_.reserve(std::min<std::size_t>(plan.kv.context, std::size_t{1} << 20U));
      out.push_back(std::move(session));
    }
    return out;
  } catch (const std::bad_alloc&) {
    return out_of_memory("open a session", needed);
  }
}

Result<std::unique_ptr<Session>> Session::create(Runtime& runtime,
                                                 const std::shared_ptr<const LoadedModel>& model,
                                                 const SessionOptions& options) {
  MOTE_ASSIGN(auto sessions, create_several(runtime, model, options, 1));
  return std::move(sessions.front());
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

namespace {

Error cancelled() {
  return {
      .code = kCancelled, .message = "cancelled by the caller", .hint = {}, .file = {}, .byte_position = {}};
}

std::size_t rows_wanted(const Feed& feed) {
  if (feed.tokens.empty() || feed.wanted == LogitsWanted::none) return 0;
  return feed.wanted == LogitsWanted::all ? feed.tokens.size() : 1;
}

}  // namespace

Result<void> Session::feed_batches(std::span<const TokenId> tokens, const CancelToken* cancel,
                                   AfterBatch after) {
  MOTE_TRY(check_tokens(tokens));
  Shared& shared = *state_->shared;
  const std::size_t start = tokens_.size();
  for (std::size_t done = 0; done < tokens.size();) {
    if (cancel != nullptr && cancel->requested()) {
      tokens_.resize(start);
      return cancelled();
    }
    const std::size_t n = std::min(shared.batch, tokens.size() - done);
    const std::span<const TokenId> batch = tokens.subspan(done, n);
    const Slice slice{.cache = &*state_->cache, .first = start + done, .n = n};
    shared.forward->embed(batch, {&slice, 1});
    shared.forward->run(0, model_->spec().blocks, {&slice, 1});
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

Result<std::span<const float>> feed_together(std::span<const Feed> feeds, const CancelToken* cancel) {
  if (feeds.empty()) return std::span<const float>();
  if (std::ranges::any_of(feeds, [](const Feed& feed) { return feed.session == nullptr; })) {
    return Error{.code = kSessionOption,
                 .message = "cannot feed sessions together: one of the feeds names no session",
                 .hint = {},
                 .file = {},
                 .byte_position = {}};
  }
  Session::Shared& shared = *feeds[0].session->state_->shared;
  const std::size_t vocab = feeds[0].session->model_->vocab();
  std::size_t rows = 0;
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    const auto same_session = [&](const Feed& other) { return other.session == feeds[i].session; };
    if (feeds[i].session->state_->shared.get() != &shared ||
        std::ranges::any_of(feeds.first(i), same_session)) {
      return Error{.code = kSessionOption,
                   .message = "cannot feed sessions together: that of feed " + std::to_string(i) +
                              " was created apart from the first or is named twice",
                   .hint = "create them with Session::create_several",
                   .file = {},
                   .byte_position = {}};
    }
    MOTE_TRY(feeds[i].session->check_tokens(feeds[i].tokens));
    rows += rows_wanted(feeds[i]);
  }
  MOTE_TRY(shared.make_room(rows * vocab));
  try {  // before anything changes
    for (const Feed& feed : feeds) {
      std::vector<TokenId>& tokens = feed.session->tokens_;
      const std::size_t wanted = tokens.size() + feed.tokens.size();
      if (wanted > tokens.capacity()) tokens.reserve(std::max(wanted, 2 * tokens.capacity()));
    }
  } catch (const std::bad_alloc&) {
    return out_of_memory("add tokens", rows * sizeof(TokenId));
  }
  // What was fed before is final now: drafts that were wrong have been taken back. Files can wait.
  for (const Feed& feed : feeds) {
    const auto& cache = feed.session->state_->prefix_cache;
    if (cache != nullptr && cache->blocks().has_memory()) feed.session->keep_prefix();
  }

  // Of the feeds before `next` all tokens are in, of that one `done`.
  std::size_t next = 0;
  std::size_t done = 0;
  const auto undo = [&] {
    for (std::size_t i = 0; i < feeds.size() && i <= next; ++i) {
      std::vector<TokenId>& tokens = feeds[i].session->tokens_;
      tokens.resize(tokens.size() - (i < next ? feeds[i].tokens.size() : done));
    }
  };
  float* out = shared.rows.as<float>();
  while (next < feeds.size()) {
    if (cancel != nullptr && cancel->requested()) {
      undo();
      return cancelled();
    }
    shared.slices.clear();
    shared.tokens.clear();
    shared.wanted_rows.clear();
    while (next < feeds.size() && shared.tokens.size() < shared.batch) {
      const Feed& feed = feeds[next];
      Session& session = *feed.session;
      const std::size_t row = shared.tokens.size();
      const std::span<const TokenId> part =
          feed.tokens.subspan(done, std::min(shared.batch - row, feed.tokens.size() - done));
      if (!part.empty()) {
        shared.slices.push_back(
            {.cache = &*session.state_->cache, .first = session.tokens_.size(), .n = part.size()});
        shared.tokens.insert(shared.tokens.end(), part.begin(), part.end());
        session.tokens_.insert(session.tokens_.end(), part.begin(), part.end());
      }
      done += part.size();
      for (std::size_t i = 0; i < part.size(); ++i) {
        const bool is_last = done - part.size() + i + 1 == feed.tokens.size();
        if (feed.wanted == LogitsWanted::all || (feed.wanted == LogitsWanted::last && is_last)) {
          shared.wanted_rows.push_back(row + i);
        }
      }
      if (done < feed.tokens.size()) break;  // the batch is full
      ++next;
      done = 0;
    }
    if (shared.tokens.empty()) break;
    shared.forward->embed(shared.tokens, shared.slices);
    shared.forward->run(0, feeds[0].session->model_->spec().blocks, shared.slices);
    shared.forward->logits(shared.wanted_rows, out);
    out += shared.wanted_rows.size() * vocab;
  }
  return std::span<const float>(shared.rows.as<float>(), rows * vocab);
}

Result<void> Session::feed_rows(std::span<const TokenId> tokens, std::size_t first_wanted,
                                const RowSink& sink, const CancelToken* cancel) {
  const std::size_t vocab = model_->vocab();
  return feed_batches(tokens, cancel, [&](std::size_t done, std::size_t n) -> Result<void> {
    std::size_t row = std::max(done, std::min(first_wanted, done + n));
    while (row < done + n) {
      const std::size_t count = std::min(kSinkRows, done + n - row);
      Shared& shared = *state_->shared;
      MOTE_TRY(shared.make_room(count * vocab));
      shared.forward->logits(row - done, count, shared.rows.as<float>());
      sink(row, std::span<const float>(shared.rows.as<float>(), count * vocab));
      row += count;
    }
    return {};
  });
}

Result<std::span<const float>> Session::feed(std::span<const TokenId> tokens, LogitsWanted wanted,
                                             const CancelToken* cancel) {
  const Feed feed{.session = this, .tokens = tokens, .wanted = wanted};
  return feed_together({&feed, 1}, cancel);
}

Result<void> Session::reserve_logits(std::size_t rows) {
  return state_->shared->make_room(rows * model_->vocab());
}

void Session::set_tenant(std::string_view tenant) {
  keep_prefix();
  truncate(0);
  state_->space.tenant = tenant;
}

void Session::truncate(std::size_t position) {
  if (position < tokens_.size()) tokens_.resize(position);
  state_->kept_blocks = std::min(state_->kept_blocks, position / kPrefixBlock);
}

// Whole blocks of the text so far.
void Session::keep_prefix() {
  const std::size_t complete = tokens_.size() / kPrefixBlock;
  if (state_->prefix_cache == nullptr || complete <= state_->kept_blocks) return;
  try {
    state_->prefix_cache->blocks().keep(state_->space, tokens_, *state_->cache);
  } catch (const std::bad_alloc&) {
    return;  // it is a convenience: without memory for it the session goes on
  }
  state_->kept_blocks = complete;
}

// Takes blocks of `tokens` from the prefix cache behind the `shared` tokens that the session has of it.
std::size_t Session::restore_prefix(std::span<const TokenId> tokens, std::size_t shared) {
  if (state_->prefix_cache == nullptr || tokens.size() > context_) return shared;
  const std::size_t own = shared / kPrefixBlock;
  std::size_t blocks = own;
  try {
    tokens_.reserve(tokens.size());
    blocks = state_->prefix_cache->blocks().restore(state_->space, tokens, own, *state_->cache);
  } catch (const std::bad_alloc&) {
    return shared;
  }
  if (blocks == own) return shared;
  // The text is that of `tokens` now: what the session had behind the shared part is overwritten.
  tokens_.assign(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(blocks * kPrefixBlock));
  state_->kept_blocks = blocks;
  return blocks * kPrefixBlock;
}

Result<std::size_t> Session::reuse_prefix(std::span<const TokenId> tokens) {
  keep_prefix();
  const std::size_t most = std::min(tokens.size(), tokens_.size());
  std::size_t shared = 0;
  while (shared < most && tokens[shared] == tokens_[shared]) ++shared;
  shared = restore_prefix(tokens, shared);
  if (shared == tokens.size() && shared > 0) --shared;
  truncate(shared);
  return shared;
}

}  // namespace mote::engine
