#include "mote/generate.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <utility>

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
  Result<std::span<const float>> logits =
      session.feed(prompt.subspan(out.reused_tokens), LogitsWanted::last, options.cancel);
  out.prompt_seconds = seconds_since(start);
  const auto cancelled = [&] { return options.cancel != nullptr && options.cancel->requested(); };
  if (!logits && cancelled()) {
    out.finish_reason = FinishReason::cancelled;
    return out;
  }
  const std::size_t room = session.context() - prompt.size();
  const std::size_t most = options.max_tokens == 0 ? room : std::min(options.max_tokens, room);
  out.tokens.reserve(most);
  TextStream text(tokenizer, options, out.text);
  const auto generating = Clock::now();
  out.finish_reason = FinishReason::length;
  while (true) {
    if (!logits) {
      if (!cancelled()) return std::move(logits).error();
      out.finish_reason = FinishReason::cancelled;
      break;
    }
    MOTE_ASSIGN(const TokenId token, sampler.sample(*logits));
    if (is_stop(tokenizer, options, token)) {
      out.finish_reason = FinishReason::stop;
      break;
    }
    sampler.accept(token);
    out.tokens.push_back(token);
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
    logits = session.feed(std::span(&token, 1), LogitsWanted::last, options.cancel);
  }
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
