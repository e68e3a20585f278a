// Tool calls: the first byte chooses. Text of a model: cut at its calls in pieces of any size as whole, and
// what was read reads the same again. A tools file: its limits, no "execute" before the model. A tool test
// (JSONL) and, behind a NUL, an answer to judge.
#include <algorithm>
#include <variant>

#include "agent/tool_test.h"
#include "agent/tools.h"
#include "base/strings.h"
#include "fuzz/target.h"
#include "text/tool_calls/hermes.h"

namespace {

using namespace mote;
using text::HermesSplitter;

bool same(const HermesSplitter& a, const HermesSplitter& b) {
  return a.state() == b.state() &&
         std::ranges::equal(a.bodies(), b.bodies(),
                            [](const HermesSplitter::Body& x, const HermesSplitter::Body& y) {
                              return x.marker == y.marker && x.begin == y.begin && x.end == y.end;
                            });
}

std::string written(const text::ToolCall& call) {
  Json json;
  json["name"] = call.name;
  json["arguments"] = call.arguments;
  return std::string(text::kHermesCallBegin) + json.dump() + std::string(text::kHermesCallEnd);
}

void check_answer(std::string_view answer, std::size_t step) {
  HermesSplitter whole;
  std::string content = whole.push(answer);
  content += whole.finish();
  HermesSplitter pieces;
  std::string streamed;
  for (std::size_t at = 0; at < answer.size(); at += step) streamed += pieces.push(answer.substr(at, step));
  streamed += pieces.finish();
  MOTE_FUZZ_CHECK(streamed == content && same(whole, pieces));
  MOTE_FUZZ_CHECK(content.find(text::kHermesCallBegin) == std::string::npos);
  for (const HermesSplitter::Body& body : whole.bodies())
    MOTE_FUZZ_CHECK(body.marker < body.begin && body.begin < body.end && body.end < answer.size());

  const auto read = text::parse_hermes_answer(answer);
  if (!read) {
    MOTE_FUZZ_CHECK(!read.error().byte_position || *read.error().byte_position <= answer.size());
    MOTE_FUZZ_CHECK(format_error(read.error()).size() <= 1000);
    return;
  }
  MOTE_FUZZ_CHECK(read->content == content && read->calls.size() == whole.bodies().size());
  std::string again;
  for (const text::ToolCall& call : read->calls) again += written(call);
  const auto second = text::parse_hermes_answer(again);
  MOTE_FUZZ_CHECK(second && second->content.empty());
  MOTE_FUZZ_CHECK(std::ranges::equal(second->calls, read->calls, [](const auto& a, const auto& b) {
    return a.name == b.name && a.arguments.dump() == b.arguments.dump();
  }));
}

void check_tools_file(std::string_view file) {
  const auto tools = agent::parse_tools(file);
  if (!tools) {
    MOTE_FUZZ_CHECK(format_error(tools.error()).size() <= 1000);
    return;
  }
  MOTE_FUZZ_CHECK(tools->tools.size() <= agent::kMaxTools);
  MOTE_FUZZ_CHECK(tools->definitions.is_array());
  MOTE_FUZZ_CHECK(tools->definitions.if_array()->size() == tools->tools.size());
  for (const Json& definition : *tools->definitions.if_array())
    MOTE_FUZZ_CHECK(definition.find("execute") == nullptr);
  for (const agent::Tool& tool : tools->tools) {
    MOTE_FUZZ_CHECK(!tool.name.empty() && tool.name.size() <= agent::kMaxToolNameBytes);
    MOTE_FUZZ_CHECK(tools->find(tool.name) == &tool);  // so names are unique
    if (tool.command) MOTE_FUZZ_CHECK(!tool.command->program.empty());
  }
}

void check_tool_test(std::string_view rest) {
  const std::string_view jsonl = fuzz::take_part(rest);
  const auto items = agent::parse_tool_test(jsonl);
  if (!items) {
    MOTE_FUZZ_CHECK(format_error(items.error()).size() <= 1000);
    return;
  }
  for (const agent::ToolTestItem& item : *items) {
    const bool right = agent::is_right(item, rest);
    const auto* calls = std::get_if<agent::ExpectedCalls>(&item.expect);
    const auto read = text::parse_hermes_answer(rest);
    if (right) MOTE_FUZZ_CHECK(read && read->calls.size() == (calls == nullptr ? 0 : calls->calls.size()));
    if (calls == nullptr || calls->calls.empty()) continue;
    std::string expected;
    for (const text::ToolCall& call : calls->calls) expected += written(call);
    // What is expected is right, unless no model could write it (a name may be empty or no UTF-8 here).
    if (text::parse_hermes_answer(expected)) MOTE_FUZZ_CHECK(agent::is_right(item, expected));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest = fuzz::as_text(data + 1, size - 1);
  switch (data[0] % 4U) {
    case 0:
      check_tools_file(rest);
      break;
    case 1:
      check_tool_test(rest);
      break;
    default:
      check_answer(rest, 1 + data[0] / 4U);
      break;
  }
  return 0;
}
