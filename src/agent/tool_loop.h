// The loop of an answer with tools: generate, carry out the calls, show the results to the model, again.
//
// Generating and executing are functions, so that the loop knows neither an engine nor a program.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "mote/result.h"
#include "text/tool_calls/tool_call.h"

namespace mote::agent {

inline constexpr std::size_t kMaxToolRounds = 8;

struct NumberedCall {
  std::string id;  // "call_0", "call_1" ... through the whole conversation
  text::ToolCall call;
};

struct ToolStep {
  NumberedCall call;
  std::string result;  // the content of the tool message
};

struct WrittenAnswer {
  text::ToolAnswer answer;
  bool cancelled = false;  // `answer` is what there is so far; its calls are not looked at
};

struct ToolLoopFunctions {
  // The model's answer to the conversation. Its errors, an unreadable call among them, end the loop.
  std::function<Result<WrittenAnswer>(const JsonArray& messages)> generate;
  // The content of the tool message. Its errors end the loop: what a model may see is a result. Empty: calls
  // are returned and not carried out.
  std::function<Result<std::string>(const text::ToolCall& call)> execute;
  // Each call before it is carried out or returned; may be empty.
  std::function<void(const NumberedCall& call)> on_call;
};

struct ToolLoopOutput {
  std::string content;              // of the last answer
  std::vector<NumberedCall> calls;  // of the last answer: not carried out
  std::vector<ToolStep> steps;      // carried out, in order
  bool rounds_spent = false;        // calls are left because there were kMaxToolRounds rounds of them already
  bool cancelled = false;
};

// {"role": "assistant", "content", "tool_calls": [{"id", "type", "function": {"name", "arguments"}}]}, with
// arguments as an object, as chat templates read them; without `tool_calls` where there are no calls.
Json assistant_message(const std::string& content, const std::vector<NumberedCall>& calls);

// Appends the assistant's and the tools' messages to `messages`, which on an error are as before. Calls are
// numbered on from those that stand there. The calls of one answer run one after the other.
Result<ToolLoopOutput> run_tool_loop(JsonArray& messages, const ToolLoopFunctions& functions,
                                     std::size_t max_rounds = kMaxToolRounds);

}  // namespace mote::agent
