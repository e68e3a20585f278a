#include "agent/tool_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/run_tool.h"
#include "text/tool_calls/hermes.h"

namespace mote::agent {
namespace {

using ::testing::ElementsAre;

constexpr ErrorCode kTest{"TEST", ErrorKind::failed};

std::string call(std::string_view name, std::string_view arguments = "{}") {
  return "<tool_call>\n{\"name\": \"" + std::string(name) + "\", \"arguments\": " + std::string(arguments) +
         "}\n</tool_call>";
}

// A model that says its lines one after the other, and the conversations that it was shown.
struct Script {
  std::vector<std::string> lines;
  std::size_t next = 0;
  std::vector<std::string> shown = {};
  std::vector<std::string> calls = {};  // in the order of on_call
  bool cancel_last = false;

  ToolLoopFunctions functions(bool execute = true) {
    ToolLoopFunctions out;
    out.generate = [this](const JsonArray& messages) -> Result<WrittenAnswer> {
      shown.push_back(Json(messages).dump());
      if (next == lines.size()) return Error{kTest, "no more lines", "", "", std::nullopt};
      WrittenAnswer written;
      written.cancelled = cancel_last && next + 1 == lines.size();
      if (written.cancelled) {
        written.answer.content = lines[next++];
        return written;
      }
      MOTE_ASSIGN(written.answer, text::parse_hermes_answer(lines[next++]));
      return written;
    };
    out.on_call = [this](const NumberedCall& one) { calls.push_back(one.id + " " + one.call.name); };
    if (!execute) return out;
    out.execute = [](const text::ToolCall& one) -> Result<std::string> {
      if (one.name == "broken") return tool_error("status 1");
      if (one.name == "stopped") return Error{kCancelled, "stopped", "", "", std::nullopt};
      return "did " + one.name + one.arguments.dump();
    };
    return out;
  }
};

JsonArray question() { return {*parse_json(R"({"role":"user","content":"do it"})")}; }

TEST(ToolLoop, IsOneAnswerWhereNothingIsCalled) {
  Script script{.lines = {"Hello."}};
  JsonArray messages = question();
  const auto out = run_tool_loop(messages, script.functions());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->content, "Hello.");
  EXPECT_TRUE(out->calls.empty() && out->steps.empty() && !out->rounds_spent);
  EXPECT_EQ(Json(messages).dump(),
            R"([{"role":"user","content":"do it"},{"role":"assistant","content":"Hello."}])");
}

TEST(ToolLoop, ShowsResultsToTheModelAndGoesOn) {
  Script script{.lines = {"Let me see.\n" + call("a", R"({"n": 1})"), call("b"), "Done."}};
  JsonArray messages = question();
  const auto out = run_tool_loop(messages, script.functions());
  ASSERT_TRUE(out) << format_error(out.error());
  EXPECT_EQ(out->content, "Done.");
  EXPECT_TRUE(out->calls.empty());
  ASSERT_EQ(out->steps.size(), 2U);
  EXPECT_EQ(out->steps[0].call.id, "call_0");
  EXPECT_EQ(out->steps[0].result, R"(did a{"n":1})");
  EXPECT_EQ(out->steps[1].call.id, "call_1");
  ASSERT_EQ(script.shown.size(), 3U);
  EXPECT_EQ(script.shown[1],
            R"([{"role":"user","content":"do it"},{"role":"assistant","content":"Let me see.","tool_calls":)"
            R"([{"id":"call_0","type":"function","function":{"name":"a","arguments":{"n":1}}}]},)"
            R"({"role":"tool","tool_call_id":"call_0","name":"a","content":"did a{\"n\":1}"}])");
  EXPECT_EQ(messages.size(), 6U);
}

TEST(ToolLoop, RunsParallelCallsInTheirOrder) {
  Script script{.lines = {call("a") + call("b") + call("a"), "Done."}};
  JsonArray messages = question();
  const auto out = run_tool_loop(messages, script.functions());
  ASSERT_TRUE(out);
  EXPECT_THAT(script.calls, ElementsAre("call_0 a", "call_1 b", "call_2 a"));
  ASSERT_EQ(messages.size(), 6U);  // one message of the assistant with three calls, three of tools
  EXPECT_EQ(messages[1].find("tool_calls")->if_array()->size(), 3U);
  EXPECT_EQ(*messages[4].find("tool_call_id")->if_string(), "call_2");
}

TEST(ToolLoop, AFailedToolIsAResultThatTheModelSees) {
  Script script{.lines = {call("broken"), "It failed."}};
  JsonArray messages = question();
  const auto out = run_tool_loop(messages, script.functions());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->steps[0].result, R"({"error":"status 1"})");
  EXPECT_NE(script.shown[1].find(R"({\"error\":\"status 1\"})"), std::string::npos);
  EXPECT_EQ(out->content, "It failed.");
}

TEST(ToolLoop, AnUnreadableCallIsAnErrorAndLeavesTheConversation) {
  Script script{.lines = {call("a"), "<tool_call>{oops}</tool_call>"}};
  JsonArray messages = question();
  const auto out = run_tool_loop(messages, script.functions());
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code.name, "TOOL_CALL_SYNTAX");
  EXPECT_EQ(messages.size(), 1U);
}

TEST(ToolLoop, EndsAfterTheRoundsAndReturnsWhatIsLeft) {
  Script script;
  for (std::size_t i = 0; i < kMaxToolRounds + 5; ++i) script.lines.push_back(call("a"));
  JsonArray messages = question();
  const auto out = run_tool_loop(messages, script.functions());
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->rounds_spent);
  EXPECT_EQ(out->steps.size(), kMaxToolRounds);
  EXPECT_EQ(script.shown.size(), kMaxToolRounds + 1);
  ASSERT_EQ(out->calls.size(), 1U);
  EXPECT_EQ(out->calls[0].id, "call_" + std::to_string(kMaxToolRounds));
  EXPECT_EQ(script.calls.size(), kMaxToolRounds + 1);
}

TEST(ToolLoop, ReturnsTheCallsWhereNothingIsExecutedAndNumbersThemOn) {
  Script script{.lines = {call("a") + call("b"), "See: " + call("c")}};
  JsonArray messages = question();
  auto out = run_tool_loop(messages, script.functions(false));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->calls.size(), 2U);
  EXPECT_FALSE(out->rounds_spent);
  EXPECT_EQ(messages.size(), 2U);
  messages.push_back(question()[0]);
  out = run_tool_loop(messages, script.functions(false));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->content, "See:");
  EXPECT_THAT(script.calls, ElementsAre("call_0 a", "call_1 b", "call_2 c"));
}

TEST(ToolLoop, StopsWhereItIsCancelled) {
  Script writing{.lines = {call("a"), "It is"}, .cancel_last = true};
  JsonArray messages = question();
  const auto out = run_tool_loop(messages, writing.functions());
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->cancelled);
  EXPECT_EQ(out->content, "It is");
  EXPECT_EQ(out->steps.size(), 1U);
  Script running{.lines = {call("a") + call("stopped") + call("a"), "never"}};
  messages = question();
  const auto stopped = run_tool_loop(messages, running.functions());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code.name, "CANCELLED");
  EXPECT_EQ(messages.size(), 1U);
  EXPECT_EQ(running.next, 1U);
}

}  // namespace
}  // namespace mote::agent
