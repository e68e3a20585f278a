#include "apps/cli/chat.h"

#include <ctime>

namespace mote::cli {

namespace {

constexpr std::string_view kTools = "tools";
constexpr std::string_view kXmlTools = "xml_tools";

}  // namespace

Json message(std::string_view role, std::string content) {
  Json out;
  out["role"] = role;
  out["content"] = std::move(content);
  return out;
}

Result<text::TextPieces> render_chat(const text::ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                     const Json& messages, const Json* tools, bool add_generation_prompt) {
  text::RenderInput input;
  input.messages = &messages;
  input.tools = tools;
  Json extra;
  if (tools != nullptr && !chat_template.mentions(kTools) && chat_template.mentions(kXmlTools)) {
    extra[kXmlTools] = *tools;
    input.extra = &extra;
  }
  input.add_generation_prompt = add_generation_prompt;
  if (tokenizer.bos()) input.bos_token = tokenizer.token_bytes(*tokenizer.bos());
  if (tokenizer.eos()) input.eos_token = tokenizer.token_bytes(*tokenizer.eos());
  const std::time_t now = std::time(nullptr);
  localtime_r(&now, &input.now);
  return chat_template.render(input);
}

bool shows_tools(const text::ChatTemplate& chat_template) {
  return chat_template.mentions(kTools) || chat_template.mentions(kXmlTools);
}

}  // namespace mote::cli
