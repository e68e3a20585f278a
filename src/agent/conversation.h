// From a conversation to a prompt, as everything that talks to a model needs it.
#pragma once

#include <vector>

#include "base/json.h"
#include "mote/result.h"
#include "mote/text_piece.h"
#include "mote/tokenizer.h"
#include "text/template/chat_template.h"

namespace mote::agent {

// {"role": ..., "content": ...}
Json message(std::string_view role, std::string content);

// Renders with the tokenizer's bos and eos and the present time. `tools` where the template reads them under
// another name only (smollm3: xml_tools) go there.
Result<text::TextPieces> render_chat(const text::ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                     const Json& messages, const Json* tools, bool add_generation_prompt);

// The prompt for the next answer. Earlier calls go through the template's "tool_calls", or into the content
// where it reads none.
Result<std::vector<TokenId>> prompt_for_answer(const text::ChatTemplate& chat_template,
                                               const Tokenizer& tokenizer, const JsonArray& messages,
                                               const Json* tools);

// Whether the template shows tools to the model at all.
bool shows_tools(const text::ChatTemplate& chat_template);

// The markers of calls that are control tokens of this vocabulary.
std::vector<TokenId> call_markers(const Tokenizer& tokenizer);

}  // namespace mote::agent
