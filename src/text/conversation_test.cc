#include "text/conversation.h"

#include <gtest/gtest.h>

#include "testing/environment.h"

namespace mote::text {
namespace {

// The prompt for one message, as text, by a template that shows content and reads no calls.
std::string prompt(std::string_view message) {
  const auto tokenizer = load_tokenizer(testing::source_path("models/babyllama-tok105/tok105.model"));
  const auto shown = ChatTemplate::parse("{% for m in messages %}{{ m.content }}{% endfor %}");
  const auto json = parse_json(message);
  if (!tokenizer || !shown || !json) return "not set up";
  const auto ids = prompt_for_answer(*shown, **tokenizer, JsonArray{*json}, nullptr);
  return ids ? (*tokenizer)->decode(*ids, true) : format_error(ids.error());
}

TEST(Conversation, CallsStandInTheContentWhereTheTemplateReadsNone) {
  const std::string call = R"({"function": {"name": "f", "arguments": {}}})";
  EXPECT_NE(prompt(R"({"role": "assistant", "content": "so", "tool_calls": [)" + call + "]}").find("so"),
            std::string::npos);
  EXPECT_NE(prompt(R"({"role": "assistant", "content": "so", "tool_calls": [)" + call + "]}").find("name"),
            std::string::npos);
}

TEST(Conversation, MessagesOfAFileMayLackContentOrHoldNoCalls) {
  EXPECT_NE(prompt(R"({"role": "assistant", "tool_calls": [{"name": "f", "arguments": {}}]})").find("name"),
            std::string::npos);
  EXPECT_NE(prompt(R"({"role": "assistant", "content": "so", "tool_calls": null})").find("so"),
            std::string::npos);
  EXPECT_NE(prompt(R"({"role": "assistant", "content": "so", "tool_calls": 7})").find("so"),
            std::string::npos);
}

}  // namespace
}  // namespace mote::text
