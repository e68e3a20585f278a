#include "agent/tool_loop.h"

#include <utility>

namespace mote::agent {
namespace {

std::size_t calls_in(const JsonArray& messages) {
  std::size_t count = 0;
  for (const Json& message : messages) {
    const Json* calls = message.find("tool_calls");
    if (calls != nullptr && calls->is_array()) count += calls->if_array()->size();
  }
  return count;
}

Json tool_message(const ToolStep& step) {
  Json out;
  out["role"] = "tool";
  out["tool_call_id"] = step.call.id;
  out["name"] = step.call.call.name;
  out["content"] = step.result;
  return out;
}

Result<ToolLoopOutput> rounds(JsonArray& messages, const ToolLoopFunctions& functions,
                              std::size_t max_rounds) {
  ToolLoopOutput out;
  std::size_t next_id = calls_in(messages);
  for (std::size_t round = 0;; ++round) {
    MOTE_ASSIGN(WrittenAnswer written, functions.generate(messages));
    out.content = std::move(written.answer.content);
    if (written.cancelled) {
      out.cancelled = true;
      messages.push_back(assistant_message(out.content, {}));
      return out;
    }
    for (text::ToolCall& call : written.answer.calls)
      out.calls.push_back({"call_" + std::to_string(next_id++), std::move(call)});
    messages.push_back(assistant_message(out.content, out.calls));
    out.rounds_spent = !out.calls.empty() && functions.execute && round == max_rounds;
    const bool returned = out.calls.empty() || !functions.execute || out.rounds_spent;
    for (NumberedCall& call : out.calls) {
      if (functions.on_call) functions.on_call(call);
      if (returned) continue;
      MOTE_ASSIGN(std::string result, functions.execute(call.call));
      out.steps.push_back({std::move(call), std::move(result)});
      messages.push_back(tool_message(out.steps.back()));
    }
    if (returned) return out;
    out.calls.clear();
  }
}

}  // namespace

Json assistant_message(const std::string& content, const std::vector<NumberedCall>& calls) {
  Json out;
  out["role"] = "assistant";
  out["content"] = content;
  if (calls.empty()) return out;
  JsonArray list;
  for (const NumberedCall& call : calls) {
    Json function;
    function["name"] = call.call.name;
    function["arguments"] = call.call.arguments;
    Json one;
    one["id"] = call.id;
    one["type"] = "function";
    one["function"] = std::move(function);
    list.push_back(std::move(one));
  }
  out["tool_calls"] = std::move(list);
  return out;
}

Result<ToolLoopOutput> run_tool_loop(JsonArray& messages, const ToolLoopFunctions& functions,
                                     std::size_t max_rounds) {
  const std::size_t before = messages.size();
  Result<ToolLoopOutput> out = rounds(messages, functions, max_rounds);
  if (!out) messages.resize(before);
  return out;
}

}  // namespace mote::agent
