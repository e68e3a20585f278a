// From messages to a prompt, as run and render need it.
#pragma once

#include "base/json.h"
#include "mote/result.h"
#include "mote/text_piece.h"
#include "mote/tokenizer.h"
#include "text/template/chat_template.h"

namespace mote::cli {

// {"role": ..., "content": ...}
Json message(std::string_view role, std::string content);

// Renders with the tokenizer's bos and eos and the present time. `tools` where the template reads them under
// another name only (smollm3: xml_tools) go there.
Result<text::TextPieces> render_chat(const text::ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                     const Json& messages, const Json* tools, bool add_generation_prompt);

// Whether the template shows tools to the model at all.
bool shows_tools(const text::ChatTemplate& chat_template);

}  // namespace mote::cli
