#include "mote/generate.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/draft/model_drafter.h"
#include "engine/draft/ngram_drafter.h"
#include "engine/draft/speculation.h"
#include "engine/stop_strings.h"

namespace mote::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Error invalid(std::string message, std::string hint) {
  return {.code = kSessionOption,
          .message = std::move(message),
          .hint = std::move(hint),
          .file = {},
          .byte_position = {}};
}

Result<void> check(const Session& session, std::span<const TokenId> prompt, const GenerateOptions& options) {
  if (prompt.empty()) return invalid("cannot generate: the prompt has no tokens", "begin with the bos token");
  for (const std::string& stop : options.stop_strings) {
    if (stop.empty()) return invalid("cannot generate: a stop string is empty", "leave it out");
  }
  if (options.draft != nullptr && options.draft->model().vocab() != session.model().vocab()) {
    return invalid("cannot generate: the draft model has " + std::to_string(options.draft->model().vocab()) +
                       " tokens, the model " + std::to_string(session.model().vocab()),
                   "take a draft model with the same tokenizer");
  }
  if (prompt.size() < session.context()) return {};
  return Error{.code = kCtxFull,
               .message = "cannot generate: the prompt has " + std::to_string(prompt.size()) +
                          " tokens, the context holds " + std::to_string(session.context()) +
                          " with at least one to generate",
               .hint = "shorten the prompt or open the session with a larger context",
               .file = {},
               .byte_position = {}};
}

// Tokens to text: whole characters, stop strings held back, handed to the caller.
class TextStream {
 public:
  TextStream(const Tokenizer* tokenizer, const GenerateOptions& options, std::string& text)
      : options_(options), stops_(options.stop_strings), text_(text) {
    if (tokenizer != nullptr) decoder_.emplace(*tokenizer, options.starts_text, true, options.shown_tokens);
  }
  // False where the caller does not want more.
  bool push(TokenId token) { return !decoder_ || show(stops_.push(decoder_->push(token))); }
  bool finish() {
    if (!decoder_) return true;
    std::string rest = stops_.push(decoder_->finish());
    rest += stops_.finish();
    return show(rest);
  }
  [[nodiscard]] const std::string& found() const { return stops_.found(); }

 private:
  bool show(const std::string& piece) {
    text_ += piece;
    return piece.empty() || !options_.on_text || options_.on_text(piece);
  }
  const GenerateOptions& options_;
  StopStrings stops_;
  std::string& text_;
  std::optional<StreamDecoder> decoder_;
};

// The session's next steps, each of one token and of a draft of what follows it.
class Drafts {
 public:
  // Before the prompt is fed: what it takes would make the prompt's logits invalid.
  Drafts(Session& session, const GenerateOptions& options, std::span<const TokenId> prompt,
         std::size_t tokens)
      : session_(&session), cancel_(options.cancel) {
    const std::size_t most = std::min(options.draft_max, kMostDraft);
    if (most == 0) return;
    // Without the memory it goes on without drafts.
    if (!session.reserve_logits(most + 1)) return;
    try {
      if (options.draft != nullptr) {
        drafter_ = std::make_unique<ModelDrafter>(*options.draft);
      } else {
        drafter_ = std::make_unique<NgramDrafter>(session.context());
      }
      step_.reserve(most + 1);
      sequence_.reserve(prompt.size() + tokens);
      sequence_.assign(prompt.begin(), prompt.end());
      speculation_.emplace(*drafter_, most);
    } catch (const std::bad_alloc&) {
      speculation_.reset();
    }
  }

  // Logits behind the token, the last one that was seen, and behind each one of checked().
  Result<std::span<const float>> feed(TokenId token, std::size_t room) {
    if (!speculation_) return session_->feed(std::span(&token, 1), LogitsWanted::last, cancel_);
    MOTE_ASSIGN(const std::span<const TokenId> draft, speculation_->draft(sequence_, room));
    step_.assign(1, token);
    step_.insert(step_.end(), draft.begin(), draft.end());
    const auto start = Clock::now();
    Result<std::span<const float>> logits = session_->feed(step_, LogitsWanted::all, cancel_);
    if (logits) {
      speculation_->saw_step(step_.size(), seconds_since(start));
    } else {
      step_.clear();
    }
    return logits;
  }
  [[nodiscard]] std::span<const TokenId> checked() const {
    return step_.empty() ? std::span<const TokenId>{} : std::span(step_).subspan(1);
  }
  void saw_token(TokenId token) {
    if (!speculation_) return;
    sequence_.push_back(token);
    speculation_->saw_token(token);
  }
  // The session forgets what was checked behind the first `right` tokens.
  void forget(std::size_t right) {
    session_->truncate(session_->position() - (checked().size() - right));
    step_.clear();
  }

 private:
  Session* session_;
  const CancelToken* cancel_;
  std::unique_ptr<Drafter> drafter_;
  std::optional<Speculation> speculation_;
  std::vector<TokenId> sequence_;
  std::vector<TokenId> step_;
};

bool is_stop(const Tokenizer* tokenizer, const GenerateOptions& options, TokenId token) {
  if (std::ranges::find(options.stop_tokens, token) != options.stop_tokens.end()) return true;
  return !options.ignore_end_tokens && tokenizer != nullptr && tokenizer->is_end_of_generation(token);
}

}  // namespace

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
  }
  return "";
}

Result<GenerateOutput> generate(Session& session, Sampler& sampler, std::span<const TokenId> prompt,
                                const GenerateOptions& options) {
  MOTE_TRY(check(session, prompt, options));
  const Tokenizer* tokenizer = session.model().tokenizer();
  GenerateOutput out;
  out.prompt_tokens = prompt.size();
  const auto start = Clock::now();
  MOTE_ASSIGN(out.reused_tokens, session.reuse_prefix(prompt));
  sampler.reset();
  for (const TokenId token : prompt) sampler.accept(token);
  const std::size_t room = session.context() - prompt.size();
  const std::size_t most = options.max_tokens == 0 ? room : std::min(options.max_tokens, room);
  Drafts drafts(session, options, prompt, most);
  const std::size_t vocab = session.model().vocab();
  Result<std::span<const float>> logits =
      session.feed(prompt.subspan(out.reused_tokens), LogitsWanted::last, options.cancel);
  out.prompt_seconds = seconds_since(start);
  const auto cancelled = [&] { return options.cancel != nullptr && options.cancel->requested(); };
  if (!logits && cancelled()) {
    out.finish_reason = FinishReason::cancelled;
    return out;
  }
  out.tokens.reserve(most);
  TextStream text(tokenizer, options, out.text);
  const auto generating = Clock::now();
  out.finish_reason = FinishReason::length;
  std::size_t row = 0;  // of the logits: behind so many tokens of the draft, all of them right
  while (true) {
    if (!logits) {
      if (!cancelled()) return std::move(logits).error();
      out.finish_reason = FinishReason::cancelled;
      break;
    }
    MOTE_ASSIGN(const TokenId token, sampler.sample(logits->subspan(row * vocab, vocab)));
    if (is_stop(tokenizer, options, token)) {
      out.finish_reason = FinishReason::stop;
      break;
    }
    sampler.accept(token);
    out.tokens.push_back(token);
    drafts.saw_token(token);
    const bool go_on = text.push(token);
    if (!text.found().empty()) {
      out.finish_reason = FinishReason::stop;
      break;
    }
    if (!go_on || cancelled()) {
      out.finish_reason = FinishReason::cancelled;
      break;
    }
    if (out.tokens.size() >= most) break;
    if (row < drafts.checked().size() && drafts.checked()[row] == token) {
      ++row;  // fed already
      ++out.accepted_tokens;
      continue;
    }
    drafts.forget(row);
    row = 0;
    // One token has to be left for the model to say behind the draft.
    logits = drafts.feed(token, most - out.tokens.size() - 1);
    out.drafted_tokens += drafts.checked().size();
  }
  drafts.forget(row);
  if (text.found().empty()) {
    text.finish();
    if (!text.found().empty()) out.finish_reason = FinishReason::stop;
  }
  out.stop_string = text.found();
  out.completion_tokens = out.tokens.size();
  out.generate_seconds = seconds_since(generating);
  return out;
}

}  // namespace mote::engine
