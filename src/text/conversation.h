// From a conversation to a prompt, as everything that talks to a model needs it.
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "mote/result.h"
#include "mote/text_piece.h"
#include "mote/tokenizer.h"
#include "text/template/chat_template.h"

namespace mote::text {

inline constexpr ErrorCode kTemplateAbsent{"TEMPLATE_ABSENT", ErrorKind::failed};

// {"role": ..., "content": ...}
Json message(std::string_view role, std::string content);

// The present time, local.
std::tm local_time();

// Renders with the tokenizer's bos and eos; `now` is what the template's strftime_now shows. `tools` where
// the template reads them under another name only (smollm3: xml_tools) go there.
Result<TextPieces> render_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                               const Json& messages, const Json* tools, bool add_generation_prompt,
                               const std::tm& now);

// What the template is given for `messages`: the same, or with the calls of "tool_calls" written into the
// content where the template reads none.
JsonArray messages_for(const ChatTemplate& chat_template, const JsonArray& messages);

// The prompt for the next answer, of messages_for().
Result<std::vector<TokenId>> prompt_for_answer(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                               const JsonArray& messages, const Json* tools);

// Whether the template shows tools to the model at all.
bool shows_tools(const ChatTemplate& chat_template);

// The markers of calls that are control tokens of this vocabulary.
std::vector<TokenId> call_markers(const Tokenizer& tokenizer);

}  // namespace mote::text
