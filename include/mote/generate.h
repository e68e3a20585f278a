// Generation: feed the prompt, then sample, stream and feed back until a stop.
//
// Streamed text never holds half a character, nor text that may turn out to be the start of a stop string.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/cancel.h"
#include "mote/result.h"
#include "mote/sampler.h"
#include "mote/session.h"
#include "mote/tokenizer.h"

namespace mote::engine {

// Tokens of a draft: with one more before them they fill the widest of the small batches, 16.
inline constexpr std::size_t kMostDraft = 15;

struct GenerateOptions {
  std::size_t max_tokens = 0;  // 0: until the context is full
  std::vector<std::string> stop_strings =
      {};                                 // text ends before the first of them; empty strings are refused
  std::vector<TokenId> stop_tokens = {};  // besides the tokenizer's end-of-generation tokens
  // Control tokens whose text is part of the answer, such as the markers of tool calls; the text of all
  // others is left out. A token that stops the generation leaves no text either way.
  std::vector<TokenId> shown_tokens = {};
  // Speculation: up to so many tokens (at most kMostDraft) are drafted and checked in one step where that
  // pays. The output is the same with any value, sampled or not. 0: none.
  std::size_t draft_max = 10;
  // A session of a smaller model with the same vocabulary that drafts; null: what followed the same tokens
  // earlier is the draft.
  Session* draft = nullptr;
  bool ignore_end_tokens = false;  // do not stop at the tokenizer's end-of-generation tokens
  // false: the text continues the prompt, so that a SentencePiece vocabulary's leading space is kept.
  bool starts_text = true;
  // Called with each piece of finished text; false stops the generation ("cancelled").
  std::function<bool(std::string_view)> on_text = {};
  const CancelToken* cancel = nullptr;  // checked before every step and between batches of the prompt
};

enum class FinishReason : std::uint8_t { stop, length, cancelled };
std::string_view to_string(FinishReason reason);  // "stop", "length", "cancelled"

struct GenerateOutput {
  std::string text;
  std::vector<TokenId> tokens;  // generated, without the token that stopped
  FinishReason finish_reason = FinishReason::stop;
  std::string stop_string;  // the one that was found, if any
  // usage
  std::size_t prompt_tokens = 0;
  std::size_t reused_tokens = 0;  // of the prompt, kept from the session
  std::size_t completion_tokens = 0;
  std::size_t drafted_tokens = 0;   // drafted and checked
  std::size_t accepted_tokens = 0;  // of these, right
  // timings
  double prompt_seconds = 0;    // until the logits of the prompt's last token
  double generate_seconds = 0;  // after that
};

// The prompt is everything: the session keeps what it shares with it (reuse_prefix) and computes the rest.
// Errors: CTX_FULL where the prompt leaves no room for one token, TOKEN_ID, SESSION_OPTION (a draft of
// another vocabulary), those of the sampler. A cancellation is an output with what was generated so far.
Result<GenerateOutput> generate(Session& session, Sampler& sampler, std::span<const TokenId> prompt,
                                const GenerateOptions& options);

}  // namespace mote::engine
