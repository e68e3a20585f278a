// One conversation: the tokens so far and their keys and values.
//
// Results do not depend on how tokens are fed: all at once, in pieces or one by one give the same bits, for
// any number of threads, and so do several sessions in one batch. Attention is summed over positions in tiles
// that start at fixed places, and a row of a product never depends on its neighbours.
//
// Not thread safe, and the Runtime's one-call-at-a-time rule holds across sessions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "mote/cancel.h"
#include "mote/model.h"
#include "mote/result.h"
#include "mote/runtime.h"
#include "mote/session_options.h"
#include "mote/tokenizer.h"

namespace mote::sys {
template <typename Signature>
class FunctionRef;
}

namespace mote::engine {

inline constexpr ErrorCode kCtxFull{"CTX_FULL", ErrorKind::invalid_argument};
inline constexpr ErrorCode kTokenId{"TOKEN_ID", ErrorKind::invalid_argument};
inline constexpr ErrorCode kSessionOption{"SESSION_OPTION", ErrorKind::invalid_argument};

enum class LogitsWanted : std::uint8_t { none, last, all };

class Session;

// What one session is fed in a batch.
struct Feed {
  Session* session = nullptr;
  std::span<const TokenId> tokens = {};
  LogitsWanted wanted = LogitsWanted::last;
};

// Appends tokens to sessions that were created together, each named once at most. As many tokens as
// SessionOptions::batch go through the model at a time, whichever sessions they are of, and leave the same
// bits as one session after the other. Returns the logits of the rows wanted, [rows][vocab] in order of the
// feeds, valid until the next call of any of the sessions. Errors: as Session::feed, SESSION_OPTION for
// sessions that were not created together; all sessions are then as before.
Result<std::span<const float>> feed_together(std::span<const Feed> feeds,
                                             const CancelToken* cancel = nullptr);

class Session {
 public:
  // Errors: SESSION_OPTION (name, value, range), MODEL_MEMORY, OUT_OF_MEMORY.
  static Result<std::unique_ptr<Session>> create(Runtime& runtime,
                                                 const std::shared_ptr<const LoadedModel>& model,
                                                 const SessionOptions& options = {});
  // `count` sessions that share their scratch memory and may be fed together; each has a context of its own.
  // Errors: as create().
  static Result<std::vector<std::unique_ptr<Session>>> create_several(
      Runtime& runtime, const std::shared_ptr<const LoadedModel>& model, const SessionOptions& options,
      std::size_t count);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Appends tokens. Returns logits [wanted][vocab] of none, the last or all of them, valid until the next
  // call, also of a session created together with this one. On an error (CTX_FULL with both counts, TOKEN_ID,
  // CANCELLED, OUT_OF_MEMORY) the session is as before the call.
  Result<std::span<const float>> feed(std::span<const TokenId> tokens, LogitsWanted wanted,
                                      const CancelToken* cancel = nullptr);

  // Appends tokens and hands out the logits of tokens [first_wanted, tokens.size()), in order, a batch at a
  // time: sink(index of the first row within `tokens`, rows [count][vocab]). Rows are valid during the call
  // only.
  using RowSink = std::function<void(std::size_t first, std::span<const float> rows)>;
  Result<void> feed_rows(std::span<const TokenId> tokens, std::size_t first_wanted, const RowSink& sink,
                         const CancelToken* cancel = nullptr);

  // Takes the memory for the logits of `rows` tokens, so that feeding as many takes none. OUT_OF_MEMORY.
  Result<void> reserve_logits(std::size_t rows);

  [[nodiscard]] std::size_t position() const { return tokens_.size(); }  // tokens so far
  [[nodiscard]] std::size_t context() const { return context_; }
  [[nodiscard]] std::span<const TokenId> tokens() const { return tokens_; }
  [[nodiscard]] const LoadedModel& model() const { return *model_; }
  [[nodiscard]] Runtime& runtime() { return *runtime_; }
  [[nodiscard]] KvType kv_key_type() const { return key_type_; }
  [[nodiscard]] KvType kv_value_type() const { return value_type_; }

  // Whose text comes next (SessionOptions::tenant). Forgets all that was fed: another tenant must not learn
  // from reuse_prefix what it was.
  void set_tenant(std::string_view tenant);
  // Forgets everything from `position` on. Does nothing where that is not below position().
  void truncate(std::size_t position);
  // Keeps the longest prefix that `tokens` share with the session or with what its prefix cache holds, less
  // one token where all of `tokens` are shared (the logits of the last one are then computed again), and
  // returns its length: feed the rest.
  Result<std::size_t> reuse_prefix(std::span<const TokenId> tokens);

 private:
  struct Shared;
  struct State;
  friend Result<std::span<const float>> feed_together(std::span<const Feed> feeds, const CancelToken* cancel);
  // after(first, count): called when the hidden states of tokens [first, first + count) are there.
  using AfterBatch = sys::FunctionRef<Result<void>(std::size_t first, std::size_t count)>;
  Result<void> feed_batches(std::span<const TokenId> tokens, const CancelToken* cancel, AfterBatch after);
  Result<void> check_tokens(std::span<const TokenId> tokens) const;
  void keep_prefix();
  std::size_t restore_prefix(std::span<const TokenId> tokens, std::size_t shared);
  Session(Runtime& runtime, std::shared_ptr<const LoadedModel> model);

  Runtime* runtime_;
  std::shared_ptr<const LoadedModel> model_;
  std::size_t context_ = 0;
  KvType key_type_ = KvType::f16;
  KvType value_type_ = KvType::f16;
  std::vector<TokenId> tokens_;
  std::unique_ptr<State> state_;
};

}  // namespace mote::engine
