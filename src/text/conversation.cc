#include "text/conversation.h"

#include <ctime>
#include <utility>

#include "text/tool_calls/hermes.h"

namespace mote::text {
namespace {

constexpr std::string_view kTools = "tools";
constexpr std::string_view kXmlTools = "xml_tools";

// As the model wrote it: {"name": ..., "arguments": ...} between the markers.
std::string written(const Json& call) {
  const Json* function = call.find("function");
  return std::string(kHermesCallBegin) + "\n" + (function == nullptr ? call : *function).dump() + "\n" +
         std::string(kHermesCallEnd);
}

// The conversation for a template that does not read "tool_calls": calls stand in the content, as they were
// written.
JsonArray with_written_calls(const JsonArray& messages) {
  JsonArray out = messages;
  for (Json& message : out) {
    // A conversation from a file may have anything here; what is no array of calls stays for the template to
    // refuse.
    const Json* calls = message.find("tool_calls");
    if (calls == nullptr || !calls->is_array()) continue;
    const Json* content = message.find("content");
    std::string text = content == nullptr || !content->is_string() ? std::string() : *content->if_string();
    for (const Json& call : *calls->if_array()) {
      if (!text.empty()) text += '\n';
      text += written(call);
    }
    message["content"] = std::move(text);
  }
  return out;
}

}  // namespace

Json message(std::string_view role, std::string content) {
  Json out;
  out["role"] = role;
  out["content"] = std::move(content);
  return out;
}

std::tm local_time() {
  const std::time_t seconds = std::time(nullptr);
  std::tm out{};
  localtime_r(&seconds, &out);
  return out;
}

Result<TextPieces> render_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                               const Json& messages, const Json* tools, bool add_generation_prompt,
                               const std::tm& now) {
  RenderInput input;
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
  input.now = now;
  return chat_template.render(input);
}

JsonArray messages_for(const ChatTemplate& chat_template, const JsonArray& messages) {
  const bool reads_calls = chat_template.source().find("tool_calls") != std::string_view::npos;
  return reads_calls ? messages : with_written_calls(messages);
}

bool shows_tools(const ChatTemplate& chat_template) {
  return chat_template.mentions(kTools) || chat_template.mentions(kXmlTools);
}

Result<std::vector<TokenId>> prompt_for_answer(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                               const JsonArray& messages, const Json* tools) {
  MOTE_ASSIGN(const TextPieces pieces,
              render_chat(chat_template, tokenizer, Json(messages_for(chat_template, messages)), tools, true,
                          local_time()));
  // The template writes the tokens that a conversation begins with.
  return tokenizer.encode_pieces(pieces, false);
}

std::vector<TokenId> call_markers(const Tokenizer& tokenizer) {
  std::vector<TokenId> out;
  for (const std::string_view marker : {kHermesCallBegin, kHermesCallEnd}) {
    const std::optional<TokenId> id = tokenizer.find(marker);
    if (id && tokenizer.is_control(*id)) out.push_back(*id);
  }
  return out;
}

}  // namespace mote::text
